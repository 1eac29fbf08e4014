//! Posts that a node is asked to bring on, by somebody who would have it send what it should not.

use bytes::Bytes;
use timeline::records::{Part, Signed};
use timeline::types::Contact;
use timeline::wire::{Forward, Forwarded, Status};

use crate::attacker::{Attacker, blobs};
use crate::deliver::{bob_follows_alice, feed, settle};
use crate::fixtures::{TestAccount, TestDevice, at, secret};
use crate::puts::proofs;
use crate::support::{Victim, network, run};

async fn forward(by: &Attacker, to: &Contact, post: &Bytes, proofs: &[Bytes], part: Part) -> Forwarded {
    let post = blobs(std::slice::from_ref(post)).remove(0);
    let proofs = blobs(proofs);
    let request = Forward { post, proofs, part, floor: 0, within: 8000, expected: None, page: Some(0) };
    by.ask(to, &request).await.expect("an answer")
}

fn post(device: &TestDevice, seq: u64, ms: i64, net: &timeline::types::NetworkId) -> Bytes {
    let mut body = device.post_body(1, None, &format!("number {seq}"));
    body.hlc = at(ms);
    Signed::sign(body, &device.key, net).bytes().clone()
}

#[test]
fn nothing_is_brought_on_that_is_not_of_an_author_followed_for_a_part_of_its_own_fresh_and_once() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, carol) = (net.account("alice"), net.account("carol"));
        let own = |account: &TestAccount| proofs(account, &account.device(&net, "1"));
        let device = alice.device(&net, "1");
        settle(&victim, &mallory, &alice, &device).await;
        bob_follows_alice(&victim).await;
        let to = &victim.contact;
        let of_carol = carol.device(&net, "1").posts(1)[0].bytes().clone();
        let declined = forward(&mallory, to, &of_carol, &own(&carol), Part::WHOLE).await;
        assert_eq!((declined.status, declined.cared), (Status::NotFollowed.number(), false));
        // It is taken, and brought on for the half alone in which bob is.
        let fresh = post(&device, 1, 0, &net.id());
        let halves = Part::WHOLE.halves().expect("two");
        let mut cared = Vec::new();
        for half in halves {
            let answer = forward(&mallory, to, &fresh, &own(&alice), half).await;
            assert!(Status::from_number(answer.status).is_acknowledged() && answer.acked <= 1);
            cared.extend(answer.cared.then_some((half, answer.acked)));
        }
        let [(half, _)] = cared[..] else { panic!("one half is his: {cared:?}") };
        assert_eq!(feed(&victim).await, ["number 1"]);
        // Once more, and for less of it, there is nothing to do; for more there is, and only so often.
        let again = forward(&mallory, to, &fresh, &own(&alice), half).await;
        assert!(again.cared && again.acked <= 1);
        let old = post(&device, 2, -2 * 3600 * 1000, &net.id());
        let declined = forward(&mallory, to, &old, &own(&alice), Part::WHOLE).await;
        assert!(Status::from_number(declined.status).is_acknowledged() && !declined.cared);
        victim.end().await;
    });
}
