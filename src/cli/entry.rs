//! From the words on the line to an exit code.

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;

use super::args::{self, Args, Command, NetworkCommand};
use super::commands::hiding::Change;
use super::context::Context;
use super::output::Output;
use super::problem::{self, Failure, Outcome};
use super::{commands, menu, net};
use crate::node::local::OpenDoors;
use crate::types::Code;

/// Runs the command that this process was started with, and returns its exit code. `open_doors` opens the local API of a node.
pub fn main(open_doors: OpenDoors) -> u8 {
    let typed: Vec<OsString> = std::env::args_os().collect();
    match Args::try_parse_from(args::settings_first(typed.clone())) {
        Ok(args) => {
            let context = Context::new(args.global);
            finish(&context.output, run(&context, args.command, open_doors))
        }
        Err(error) => refuse(&error, wants_json(&typed)),
    }
}

/// Answers a line that is no command: with help where it was asked for or nothing else was, else with what is wrong.
fn refuse(error: &clap::Error, json: bool) -> u8 {
    let is_empty = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    match problem::of_parser(error) {
        Some(problem) if json || !is_empty => finish(&Output::new(json, false), Err(problem.into())),
        _ => {
            // Help into a closed pipe has done what it could.
            let _ = error.print();
            error.exit_code().try_into().unwrap_or(Code::Usage.exit())
        }
    }
}

fn run(context: &Context, command: Command, open_doors: OpenDoors) -> Outcome {
    match command {
        Command::Network(NetworkCommand::New(args)) => commands::network::new(context, args),
        Command::Network(NetworkCommand::Show) => commands::network::show(context),
        Command::Join(args) => commands::join::run(context, &args),
        Command::Cert(args) => commands::cert::run(context, &args),
        Command::Bootpeer(args) => commands::node::bootpeer(context, &args, open_doors),
        Command::Peer(args) => commands::node::peer(context, &args, open_doors),
        Command::Net(args) => net::run(context, args),
        Command::Menu => menu::run(context),
        Command::Stop => commands::node::stop(context),
        Command::Register(args) => commands::account::register(context, &args),
        Command::Login(args) => commands::account::login(context, &args),
        Command::Logout => commands::account::logout(context),
        Command::Whoami => commands::account::whoami(context),
        Command::Profile(args) => commands::profile::run(context, &args),
        Command::Post(args) => commands::post::run(context, &args),
        Command::Delete(args) => commands::delete::run(context, &args),
        Command::Follow(args) => commands::follow::follow(context, &args),
        Command::Unfollow(args) => commands::follow::unfollow(context, &args),
        Command::Feed(args) if args.watch => commands::watch::run(context, &args),
        Command::Feed(args) => commands::feed::run(context, &args),
        Command::User(args) => commands::user::run(context, &args),
        Command::Show(args) => commands::show::show(context, &args),
        Command::Thread(args) => commands::show::thread(context, &args),
        Command::Ledger(args) => commands::ledger::run(context, &args),
        Command::Following(args) => commands::people::following(context, &args),
        Command::Followers(args) => commands::people::followers(context, &args),
        Command::Users(args) => commands::people::users(context, &args),
        Command::Mentions(args) => commands::finding::mentions(context, &args),
        Command::Tag(args) => commands::finding::tag(context, &args),
        Command::Search(args) => commands::finding::search(context, &args),
        Command::Mute(args) => commands::hiding::change(context, Change::Mute, &args),
        Command::Unmute(args) => commands::hiding::change(context, Change::Unmute, &args),
        Command::Block(args) => commands::hiding::change(context, Change::Block, &args),
        Command::Unblock(args) => commands::hiding::change(context, Change::Unblock, &args),
        Command::Muted => commands::hiding::muted(context),
        Command::Blocked => commands::hiding::blocked(context),
        Command::Outbox => commands::outbox::run(context),
        Command::Status => commands::status::run(context),
        Command::Peers => commands::peers::run(context),
        Command::Lookup(args) => commands::reach::lookup(context, &args),
        Command::Ping(args) => commands::reach::ping(context, &args),
        Command::Sim(args) => commands::sim::run(context, &args),
    }
}

fn finish(output: &Output, outcome: Outcome) -> u8 {
    if let Err(Failure::Problem(problem)) = &outcome {
        output.problem(problem);
    }
    exit_code(&outcome)
}

fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Ok(()) | Err(Failure::OutputClosed) => 0,
        Err(Failure::Reported) => Code::Internal.exit(),
        Err(Failure::Problem(problem)) => problem.code.exit(),
    }
}

/// Tells how a line that could not be parsed wants to be answered.
fn wants_json(typed: &[OsString]) -> bool {
    typed.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Problem;

    #[test]
    fn exit_codes_are_those_of_the_problem() {
        let code = |code| exit_code(&Err(Problem::new(code, "test").into()));
        assert_eq!([code(Code::Usage), code(Code::NoNode), code(Code::Unreachable)], [2, 4, 7]);
        assert_eq!((exit_code(&Ok(())), exit_code(&Err(Failure::OutputClosed))), (0, 0));
        assert_eq!(exit_code(&Err(Failure::Reported)), 1);
    }

    #[test]
    fn a_line_that_cannot_be_parsed_still_says_whether_it_wants_json() {
        let check = |words: &[&str]| wants_json(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(check(&["timeline", "nope", "--json"]));
        assert!(!check(&["timeline", "post", "--", "--json"]));
        assert!(!check(&["--json"]));
    }
}
