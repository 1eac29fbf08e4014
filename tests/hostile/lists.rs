//! Holders that lie about how long a list is.

use timeline::records::{Page, Record, home};
use timeline::types::{Hash, Section, SectionSet};
use timeline::wire::{Cursor, Get, Got, Put, PutDone, Request, encode_ok, read_request};

use crate::fixtures::{TestAccount, secret};
use crate::lies::{liar, pair};
use crate::puts::proofs;
use crate::support::{network, run};

#[test]
fn whoever_always_says_that_there_is_more_costs_little_and_hides_nothing() {
    run(async {
        let net = network(1, 3, "page_entries = 2");
        let owner: TestAccount = net.account("owner");
        for kind in ["split", "cursors", "both"] {
            let (honest, victim, by) = pair(&net).await;
            let mut followers = vec![];
            for i in 0..5 {
                let account = net.account(&format!("person_{i}"));
                let device = account.device(&net, "1");
                let edge = Record::Edge(device.edge(owner.id(), true, 0));
                // As a writer does: down to where there is room.
                let mut key = home(&owner.id());
                while by.put_one(&honest.contact, key, edge.bytes(), &proofs(&account, &device)).await.number() == 10 {
                    key = edge.page_below(&key).expect("a page below").key();
                }
                followers.push(edge.bytes().clone());
            }
            let liar = liar(&net, &victim, &secret("liar")).await;
            liar.answers(move |_, frame| {
                let get: Get = (frame.first() == Some(&Get::NUMBER)).then(|| read_request(frame).ok())??;
                let slot = get.after.map_or(vec![0], |after| [after.slot, vec![1]].concat());
                let next = Some(Cursor { section: 10, slot, hash: Hash([9; 32]) }).filter(|_| kind != "split");
                let split = if kind == "cursors" { SectionSet::default() } else { SectionSet(u64::MAX) };
                let (records, proofs, contacts, marks) = (vec![], vec![], vec![], vec![]);
                Some(encode_ok(&Got { records, proofs, next, contacts, split, marks, ..Got::default() }))
            });
            let before = liar.mouth.asked.get();
            let list = victim.node.doors().storage.list(Section::Followers, owner.id()).await;
            let mut found = list.records.clone();
            found.sort();
            followers.sort();
            assert_eq!(found, followers, "{kind}");
            let asked = liar.mouth.asked.get() - before;
            assert!(asked > 0 && asked <= 60, "{kind}: asked {asked} times");
            victim.end().await;
            honest.end().await;
        }
    });
}

#[test]
fn a_holder_that_always_says_split_leads_a_follow_no_deeper_than_pages_go() {
    run(async {
        let net = network(1, 3, "");
        let (honest, victim, by) = pair(&net).await;
        let author = net.account("author");
        crate::deliver::settle(&honest, &by, &author, &author.device(&net, "1")).await;
        let liar = liar(&net, &victim, &secret("liar")).await;
        liar.answers(|_, frame| {
            let put: Put = (frame.first() == Some(&Put::NUMBER)).then(|| read_request(frame).ok())??;
            Some(encode_ok(&PutDone { statuses: vec![10; put.records.len()], shown: None }))
        });
        let session = victim.node.doors().session;
        let password = crate::fixtures::PASSWORD.to_owned();
        let registered = session.register("bob".parse().expect("a name"), password.into()).await;
        assert!(registered.is_ok(), "{registered:?}");
        let before = liar.mouth.asked.get();
        let followed = session.follow("author".parse().expect("a name"), true).await;
        assert!(followed.is_ok(), "{followed:?}");
        let asked = liar.mouth.asked.get() - before;
        assert!(asked < 400, "asked {asked} times");
        // The one who is honest has it where it belongs.
        let key = Page::first(Section::Followers, author.id()).key();
        assert_eq!(by.get(&honest.contact, key, SectionSet::of(&[Section::Followers])).await.len(), 1);
        victim.end().await;
        honest.end().await;
    });
}
