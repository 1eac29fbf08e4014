//! A post's text as the HTML that clients show: escaped first, then line breaks, names, tags and addresses of pages.

/// Writes text as HTML; `base` is where pages of people and tags are.
pub fn from_text(text: &str, base: &str) -> String {
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| {
            let lines: Vec<String> = paragraph.split('\n').map(|line| from_line(line, base)).collect();
            format!("<p>{}</p>", lines.join("<br>"))
        })
        .collect();
    paragraphs.concat()
}

fn from_line(line: &str, base: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        out.push_str(&from_word(word, base));
        let space = tail.find(|c: char| !c.is_whitespace()).unwrap_or(tail.len());
        out.push_str(&escaped(&tail[..space]));
        rest = &tail[space..];
    }
    out
}

fn from_word(word: &str, base: &str) -> String {
    if word.starts_with("https://") || word.starts_with("http://") {
        let end = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'']).len();
        let (url, rest) = (escaped(&word[..end]), escaped(&word[end..]));
        return format!("<a href=\"{url}\" rel=\"nofollow noopener noreferrer\" target=\"_blank\">{url}</a>{rest}");
    }
    if let [name] = crate::timeline::mentions(word).as_slice() {
        let link = format!(
            "<span class=\"h-card\"><a href=\"{base}/@{name}\" class=\"u-url mention\">@<span>{name}</span></a></span>"
        );
        return around(word, &format!("@{name}"), &link);
    }
    let mark = word.find('#').map(|at| &word[at + 1..]);
    let tag = mark.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default());
    match (tag, crate::timeline::tags(word).as_slice()) {
        (Some(written), [tag]) if crate::timeline::folded_tag(written) == *tag => {
            let (written, path) = (escaped(written), escaped(tag));
            let link = format!(
                "<a href=\"{base}/tags/{path}\" class=\"mention hashtag\" rel=\"tag\">#<span>{written}</span></a>"
            );
            around(word, &format!("#{written}"), &link)
        }
        _ => escaped(word),
    }
}

/// Puts a link in the place of what it stands for, and escapes what is around it.
fn around(word: &str, what: &str, link: &str) -> String {
    match word.split_once(what) {
        Some((before, after)) => format!("{}{link}{}", escaped(before), escaped(after)),
        None => escaped(word),
    }
}

/// Escapes what HTML gives a meaning to.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_becomes_paragraphs_with_links() {
        let check = |text: &str, expected: &str| assert_eq!(from_text(text, "http://h"), expected, "{text:?}");
        check("a\nb\n\nc", "<p>a<br>b</p><p>c</p>");
        check("<b>&\"'", "<p>&lt;b&gt;&amp;&quot;&#39;</p>");
        let url = "<a href=\"https://x.example/?a=1&amp;b=2\" rel=\"nofollow noopener noreferrer\" \
                   target=\"_blank\">https://x.example/?a=1&amp;b=2</a>";
        check("see https://x.example/?a=1&b=2.", &format!("<p>see {url}.</p>"));
        let name =
            "<span class=\"h-card\"><a href=\"http://h/@bob\" class=\"u-url mention\">@<span>bob</span></a></span>";
        check("hi (@bob)!", &format!("<p>hi ({name})!</p>"));
        let tag = "<a href=\"http://h/tags/rust\" class=\"mention hashtag\" rel=\"tag\">#<span>Rust</span></a>";
        check("#Rust,", &format!("<p>{tag},</p>"));
        check("bob@example.org C# @Alice", "<p>bob@example.org C# @Alice</p>");
    }

    proptest! {
        #[test]
        fn no_text_makes_markup_of_its_own(text in "[<>&\"'a-z@#:/ \n\\u{e9}]{0,60}") {
            let html = from_text(&text, "http://h");
            // Every mark that is left is one that we wrote.
            let ours = ["<p>", "</p>", "<br>", "<a href=\"", "</a>", "<span>", "</span>", "<span class=\"h-card\">"];
            let marks = html.matches('<').count();
            let known: usize = ours.iter().map(|tag| html.matches(tag).count()).sum();
            prop_assert_eq!(marks, known, "{}", html);
        }
    }
}
