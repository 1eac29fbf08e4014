//! How a command fails, and what the shell gets to see of it.

use std::io;

use clap::error::ErrorKind;
use serde_json::{Value, json};
use thiserror::Error;

use super::words;
use crate::types::{Code, Problem};

/// Why a command ends without its answer.
#[derive(Debug, Error)]
pub enum Failure {
    /// Something to report; its code decides about the exit code.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// Whoever read our output went away, as `head` does: nothing to report, and nobody to report to.
    #[error("standard output is closed")]
    OutputClosed,
    /// The answer, which was given, says itself that something is wrong.
    #[error("the answer says what is wrong")]
    Reported,
}

/// What a command ends with.
pub type Outcome = Result<(), Failure>;

impl Failure {
    /// Tells what a failed write to standard output or standard error means.
    pub fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            io::ErrorKind::StorageFull => Problem::new(Code::DiskFull, "no room to write the answer").into(),
            _ => Problem::new(Code::Internal, format!("cannot write the answer: {error}")).into(),
        }
    }
}

/// Builds the problem of a line that cannot be understood.
pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem::new(Code::Usage, message).hint(hint)
}

/// Returns the JSON form of a problem.
pub fn to_json(problem: &Problem) -> Value {
    json!({ "error": { "code": problem.code, "message": problem.message, "hint": problem.hint } })
}

/// Returns the form of a problem for people, without a final line end.
pub fn to_text(problem: &Problem) -> String {
    let message = words::printable(&problem.message);
    match &problem.hint {
        Some(hint) => format!("error: {message}\nhint: {}", words::printable(hint)),
        None => format!("error: {message}"),
    }
}

/// Turns what the parser says into a problem; `None` when it only answers `--help` or `--version`.
pub fn of_parser(error: &clap::Error) -> Option<Problem> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            return Some(usage("a command is missing", "timeline --help lists the commands"));
        }
        _ => {}
    }
    let text = error.render().to_string();
    let tip = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: ")).map(str::to_owned);
    // The parser's message ends at the first empty line; what follows is advice and usage.
    let message: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let message = message.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
    let advice = match error.kind() {
        ErrorKind::UnknownArgument => {
            "a text of several words stands in quotes; the command with --help says what it takes"
        }
        _ => "timeline --help, or the command with --help, says more",
    };
    Some(usage(message, tip.unwrap_or_else(|| advice.into())))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::Args;
    use super::*;

    fn refused(line: &[&str]) -> Problem {
        let error = Args::try_parse_from(std::iter::once(&"timeline").chain(line)).expect_err("must be refused");
        of_parser(&error).expect("a problem")
    }

    #[test]
    fn a_line_the_parser_refuses_is_a_usage_problem_in_one_sentence() {
        for line in [&["pots", "x"][..], &["post"], &["feed", "-n", "0"], &["--nope", "status"], &[], &["network"]] {
            let problem = refused(line);
            assert_eq!(problem.code, Code::Usage, "{line:?}");
            assert!(!problem.message.contains('\n') && !problem.message.starts_with("error"), "{}", problem.message);
            assert!(!problem.message.is_empty() && problem.hint.is_some());
        }
        assert!(refused(&["pots", "x"]).hint.expect("a tip").contains("post"));
    }

    #[test]
    fn help_and_version_are_no_problems() {
        for line in [["timeline", "--help"], ["timeline", "--version"]] {
            let error = Args::try_parse_from(line).expect_err("an answer");
            assert_eq!(of_parser(&error), None);
        }
    }

    #[test]
    fn problems_have_a_form_for_scripts_and_one_for_people() {
        let problem = Problem::new(Code::NoNode, "no node\u{1b}[2J").hint("start one");
        assert_eq!(to_json(&problem)["error"]["code"], "no_node");
        assert_eq!(to_json(&Problem::new(Code::Quota, "full"))["error"]["hint"], Value::Null);
        assert_eq!(to_text(&problem), "error: no node\u{fffd}[2J\nhint: start one");
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        assert!(matches!(Failure::of_output(&io::ErrorKind::BrokenPipe.into()), Failure::OutputClosed));
        let full = Failure::of_output(&io::ErrorKind::StorageFull.into());
        assert!(matches!(full, Failure::Problem(problem) if problem.code == Code::DiskFull));
    }
}
