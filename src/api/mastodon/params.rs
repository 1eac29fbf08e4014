//! Parameters of a request, wherever a client put them: in the query, in JSON or in a form.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use serde_json::Value;

use super::refused::Refused;

/// Most parameters of one request.
const MOST: usize = 256;

/// Names with their values, in the order given; lists are a name several times, with or without `[]`.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Returns the last value of a parameter that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let named =
            |(key, value): &&(String, String)| key.strip_suffix("[]").unwrap_or(key) == name && !value.is_empty();
        self.0.iter().rev().find(named).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key.strip_suffix("[]").unwrap_or(key) == name)
            .map(|(_, value)| value.as_str())
    }

    /// Tells whether there is a parameter of that name, or one inside it, whatever its value.
    pub fn names(&self, name: &str) -> bool {
        let inside = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('['));
        self.0.iter().any(|(key, value)| inside(key) && !value.is_empty())
    }

    /// Returns a parameter that is a yes or no.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value, "true" | "1" | "on" | "t"))
    }

    /// Reads them from text, for tests.
    #[cfg(test)]
    pub fn of(text: &str) -> Self {
        let mut params = Self::default();
        params.form(text.as_bytes()).expect("readable");
        params
    }

    fn form(&mut self, text: &[u8]) -> Result<(), Refused> {
        let pairs: Vec<(String, String)> =
            serde_urlencoded(text).map_err(|()| Refused::usage("the parameters cannot be read"))?;
        self.0.extend(pairs);
        self.bounded()
    }

    /// What is more than a request may have is refused: what was left out could have been what matters.
    fn bounded(&self) -> Result<(), Refused> {
        if self.0.len() > MOST {
            return Err(Refused::usage(format!("a request has at most {MOST} parameters")));
        }
        Ok(())
    }

    fn json(&mut self, body: &[u8]) -> Result<(), Refused> {
        let value: Value =
            serde_json::from_slice(body).map_err(|error| Refused::usage(format!("the body is no JSON: {error}")))?;
        let Value::Object(fields) = value else { return Err(Refused::usage("the body is a JSON object")) };
        fields.into_iter().for_each(|(name, value)| self.field(name, value));
        self.bounded()
    }

    fn field(&mut self, name: String, value: Value) {
        // One beyond the bound is kept, so that it is noticed.
        if self.0.len() > MOST {
            return;
        }
        match value {
            Value::Null => {}
            Value::String(text) => self.0.push((name, text)),
            Value::Array(all) => all.into_iter().for_each(|one| self.field(format!("{name}[]"), one)),
            // It is named, even where there is nothing in it.
            Value::Object(fields) if fields.is_empty() => self.0.push((name, "{}".to_owned())),
            Value::Object(fields) => {
                fields.into_iter().for_each(|(inner, one)| self.field(format!("{name}[{inner}]"), one));
            }
            other => self.0.push((name, other.to_string())),
        }
    }
}

/// Reads `a=b&c=d` as forms and queries are written.
fn serde_urlencoded(text: &[u8]) -> Result<Vec<(String, String)>, ()> {
    let text = std::str::from_utf8(text).map_err(|_| ())?;
    web::Query::<Vec<(String, String)>>::from_query(text).map(web::Query::into_inner).map_err(|_| ())
}

impl FromRequest for Params {
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Refused>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(request, payload);
        let (query, kind) = (request.query_string().to_owned(), request.content_type().to_ascii_lowercase());
        Box::pin(async move {
            let mut params = Params::default();
            params.form(query.as_bytes())?;
            let body = body.await.map_err(|_| Refused::usage("the body is too large, or broke off"))?;
            match kind.as_str() {
                _ if body.is_empty() => {}
                "application/json" => params.json(&body)?,
                "application/x-www-form-urlencoded" => params.form(&body)?,
                _ => return Err(Refused::media_type()),
            }
            Ok(params)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_forms_say_the_same() {
        let (mut json, mut form) = (Params::default(), Params::default());
        let body = br#"{"status": "a & b", "media_ids": ["1", "2"], "poll": {"options": ["x"]}, "n": 3, "no": null}"#;
        json.json(body).expect("readable");
        form.form(b"status=a+%26+b&media_ids[]=1&media_ids[]=2&poll[options][]=x&n=3").expect("readable");
        for params in [json, form] {
            assert_eq!(params.get("status"), Some("a & b"));
            assert_eq!(params.all("media_ids").collect::<Vec<_>>(), ["1", "2"]);
            assert!(params.names("poll") && !params.names("no") && !params.names("pol"));
            assert_eq!(params.get("n"), Some("3"));
        }
        let many: String = (0..MOST).map(|n| format!("p{n}=1&")).collect();
        assert!(Params::default().form(many.as_bytes()).is_ok());
        assert!(Params::default().form(format!("{many}visibility=private").as_bytes()).is_err(), "nothing is cut off");
        let many: String = (0..MOST).map(|n| format!("\"p{n}\": 1,")).collect();
        assert!(Params::default().json(format!("{{{many} \"visibility\": \"private\"}}").as_bytes()).is_err());
        let mut empty = Params::default();
        empty.json(br#"{"poll": {}}"#).expect("readable");
        assert!(empty.names("poll"));
        assert_eq!(Params::of("a=1&a=").get("a"), Some("1"));
        assert!(Params::default().json(b"[1]").is_err() && Params::default().json(b"{").is_err());
    }
}
