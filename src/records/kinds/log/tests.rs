//! What a post may say and how long, and which heads make sense.

use super::*;
use crate::records::fixtures::{TestDevice, TestNet};
use crate::records::{Known, Record, Signed};

fn device() -> TestDevice {
    let net = TestNet::new("log", 1);
    net.account("alice").device(&net, "1")
}

fn read<B: Body>(signed: &Signed<B>) -> Result<(), RecordError> {
    Record::decode(signed.bytes().clone()).map(|_| ())
}

#[test]
fn texts_have_1_to_500_characters_and_2000_bytes() {
    let check = |text: &str, expected: Result<(), TextError>| {
        assert_eq!(checked_text(text).map(|_| ()), expected, "{} bytes", text.len());
    };
    check("a", Ok(()));
    check("two\nlines", Ok(()));
    check(&"é".repeat(500), Ok(()));
    check(&"🦀".repeat(500), Ok(()));
    check(&"a".repeat(501), Err(TextError::Characters(501)));
    check(&"🦀".repeat(501), Err(TextError::Characters(501)));
    check(&"a".repeat(70_000), Err(TextError::Bytes(70_000)));
    check("", Err(TextError::Empty));
    check(" \n\u{3000} ", Err(TextError::Empty));
    for control in ['\0', '\t', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'] {
        check(&format!("a{control}b"), Err(TextError::Control));
    }
    check("\t", Err(TextError::Empty));
}

#[test]
fn texts_are_brought_into_normal_form_before_they_are_counted() {
    assert_eq!(checked_text("e\u{301}"), Ok("é".to_owned()));
    assert_eq!(checked_text(&"e\u{301}".repeat(500)).map(|t| t.chars().count()), Ok(500));
    // U+1D15E takes three characters in normal form C: what grows beyond the limit is refused.
    assert_eq!(checked_text(&"\u{1d15f}".repeat(500)), Err(TextError::Characters(1000)));
}

#[test]
fn a_post_with_a_value_that_is_not_allowed_is_refused() {
    let device = device();
    let check = |what: &str, fine: bool, change: &dyn Fn(&mut PostBody)| {
        let mut body = device.post_body(1, None, "hello");
        change(&mut body);
        let expected = if fine { Ok(()) } else { Err(RecordError::Value) };
        assert_eq!(read(&device.sign(body)), expected, "{what}");
    };
    check("nothing wrong", true, &|_| {});
    check("500 characters", true, &|b| b.text = "a".repeat(500));
    check("501 characters", false, &|b| b.text = "a".repeat(501));
    check("no text", false, &|b| b.text.clear());
    check("a control character", false, &|b| b.text = "a\u{7}".into());
    check("not in normal form", false, &|b| b.text = "e\u{301}".into());
    check("10 seconds", true, &|b| b.lifetime_ms = 10_000);
    check("just under", false, &|b| b.lifetime_ms = 9_999);
    check("30 days", true, &|b| b.lifetime_ms = 30 * 24 * 3600 * 1000);
    check("just over", false, &|b| b.lifetime_ms = 30 * 24 * 3600 * 1000 + 1);
    check("for ever", false, &|b| b.lifetime_ms = u64::MAX);
    check("number zero", false, &|b| b.seq = 0);
    check("a first one with prev", false, &|b| b.prev = Some(Hash([1; 32])));
    check("a second one without prev", false, &|b| b.seq = 2);
    check("a second one with prev", true, &|b| (b.seq, b.prev) = (2, Some(Hash([1; 32]))));
    check("a stamp at the end of time", true, &|b| b.hlc = Hlc(u64::MAX));
}

#[test]
fn heads_that_contradict_themselves_are_refused() {
    let device = device();
    let check = |what: &str, fine: bool, change: &dyn Fn(&mut HeadsBody)| {
        let mut body = device.heads_body(1, 20, 5);
        change(&mut body);
        let expected = if fine { Ok(()) } else { Err(RecordError::Value) };
        assert_eq!(read(&device.sign(body)), expected, "{what}");
    };
    check("nothing wrong", true, &|_| {});
    check("ranges", true, &|b| b.collected = vec![(6, 6), (8, 10), (11, 20)]);
    check("a range at the floor", false, &|b| b.collected = vec![(5, 6)]);
    check("a range backwards", false, &|b| b.collected = vec![(9, 8)]);
    check("ranges that overlap", false, &|b| b.collected = vec![(6, 9), (9, 10)]);
    check("ranges out of order", false, &|b| b.collected = vec![(9, 9), (7, 7)]);
    check("a range beyond the last number", false, &|b| b.collected = vec![(20, 21)]);
    check("a floor beyond the last number", false, &|b| b.floor = 21);
    check("a floor at the last number", true, &|b| b.floor = 20);
    check("posts without a hash", false, &|b| b.last_hash = None);
    check("no post, with a hash", false, &|b| (b.last_seq, b.floor) = (0, 0));
    check("no post", true, &|b| (b.last_seq, b.floor, b.last_hash) = (0, 0, None));
    let ranges = |n: u64| (0..n).map(|i| (100 + 2 * i, 100 + 2 * i)).collect::<Vec<_>>();
    check("16 ranges", true, &|b| (b.last_seq, b.collected) = (1000, ranges(16)));
    check("17 ranges", false, &|b| (b.last_seq, b.collected) = (1000, ranges(17)));
    let early = |from: Option<u64>, early: &[(u64, u64)]| {
        let early = early.to_vec();
        move |b: &mut HeadsBody| (b.why_from, b.early) = (from, early.clone())
    };
    check("nothing was collected", true, &early(Some(1), &[]));
    check("of what comes", true, &early(Some(21), &[]));
    check("collected up to the floor and above", true, &early(Some(1), &[(1, 2), (4, 8), (20, 20)]));
    check("from number zero", false, &early(Some(0), &[]));
    check("reasons from nowhere", false, &early(None, &[(1, 2)]));
    check("below where the reasons begin", false, &early(Some(3), &[(2, 4)]));
    check("beyond the last number, too", false, &early(Some(1), &[(20, 21)]));
    check("reasons out of order", false, &early(Some(1), &[(4, 4), (3, 3)]));
    check("8 reasons", true, &|b| (b.last_seq, b.why_from, b.early) = (1000, Some(1), ranges(8)));
    check("9 reasons", false, &|b| (b.last_seq, b.why_from, b.early) = (1000, Some(1), ranges(9)));
}

#[test]
fn heads_with_all_that_they_may_list_fit_into_a_record() {
    let ranges = |n: u64| (0..n).map(|i| (4_000_000_000 + 2 * i, 4_000_000_000 + 2 * i)).collect::<Vec<_>>();
    let mut body = device().heads_body(i64::MAX as u64, 4_000_001_000, 3_000_000_000);
    (body.collected, body.why_from, body.early) = (ranges(16), Some(1_000_000_000), ranges(8));
    assert!(device().sign(body).bytes().len() <= 512);
}

#[test]
fn the_fields_listed_are_the_fields_written() {
    let net = TestNet::new("fields", 1);
    let device = device();
    let mut post = device.post_body(2, Some(Hash([1; 32])), "x");
    post.reply_to = Some(ReplyTo { account: net.account("bob").id(), post: Hash([2; 32]) });
    let mut heads = device.heads_body(1, 2, 0);
    heads.collected = vec![(1, 1)];
    (heads.why_from, heads.early) = (Some(1), vec![(1, 1)]);
    let keys = |bytes: Vec<u8>| -> Vec<String> {
        let map: std::collections::BTreeMap<String, serde::de::IgnoredAny> =
            rmp_serde::from_slice(&bytes).expect("a map");
        map.into_keys().collect()
    };
    let sorted = |fields: &[&str]| {
        let mut fields: Vec<String> = fields.iter().map(|f| (*f).to_owned()).collect();
        fields.sort();
        fields
    };
    assert_eq!(keys(crate::records::to_bytes(&post)), sorted(PostBody::FIELDS));
    assert_eq!(keys(crate::records::to_bytes(&heads)), sorted(HeadsBody::FIELDS));
}
