//! Attacks on every route, parameter and place of the OpenAPI document: each must be refused with a 4xx that says what
//! is wrong and where, and nothing may be stored, called or left behind. The cases are generated from the document.

use std::collections::BTreeMap;
use std::time::Duration;

use ghl_sync_cli::stack::StackOptions;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, LOCATION, location, options};
use crate::document::{Document, Operation, Place, Step};

const OTHER: &str = "loc_other";
const JSON: &str = "application/json";
/// More elements or characters than any body, field or text may have.
const HUGE: usize = 200_000;
/// Longest URI that reaches the API.
const LONG_URI: usize = 60_000;
/// A placeholder for other text.
const MARK: &str = "@@mark@@";
const UNKNOWN: &str = "zzz_unknown";
/// Keeps the schedule from running: only messages invoke the functions.
const NEVER: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

struct Scene {
    deployment: Deployment,
    caller: Caller,
    document: Document,
    stored: Vec<String>,
    attacks: usize,
}

impl Scene {
    async fn start() -> Scene {
        let locations = vec![location(LOCATION), location(OTHER)];
        let deployment = Deployment::with(StackOptions { locations, ..options() }).await;
        let caller = Caller::of(&deployment).await;
        let document = Document::of(&caller).await;
        let stored = deployment.stored().await;
        Scene { deployment, caller, document, stored, attacks: 0 }
    }

    /// A valid body for `operation` with a value at every place.
    fn base(&self, schema: &Value) -> Value {
        let mut base = self.document.example(schema);
        for content in ["contact", "opportunity"] {
            if let Some(content) = base.get_mut(content) {
                content["customFields"] = json!([{ "id": "f1", "value": 1 }]);
            }
        }
        for (field, value) in [("target", OTHER), ("until", "2999-01-01T00:00:00Z")] {
            if base.get(field).is_some() {
                base[field] = json!(value);
            }
        }
        base
    }

    /// Sends `body`; returns the refusal.
    async fn attack(&mut self, operation: &Operation, kind: &str, body: impl Into<Vec<u8>>) -> Refusal {
        let (url, body) = (operation.url(None), body.into());
        let shown: String = String::from_utf8_lossy(&body).chars().take(300).collect();
        let answer = self.caller.with_body(operation.method.clone(), &url, kind, body).await;
        self.attacks += 1;
        Refusal::of(answer, format!("{} {url} {shown}", operation.method))
    }

    /// Checks that nothing has changed and GHL was not called. The bases of the attacks are accepted unchanged, so each
    /// attack was refused for its own fault.
    async fn assert_unharmed(self, at_least: usize) {
        assert!(self.attacks >= at_least, "{} attacks only: the document is read wrongly", self.attacks);
        assert_eq!(self.deployment.stored().await, self.stored, "something was stored");
        assert_eq!(self.deployment.stats().calls, 0);
        for operation in self.document.operations() {
            let Some(schema) = &operation.body else { continue };
            let (url, body) = (operation.url(None), self.base(schema).to_string());
            let answer = self.caller.with_body(operation.method.clone(), &url, JSON, body).await;
            // The migration in the path does not exist.
            assert!([200, 201, 202, 204, 404, 409].contains(&answer.status), "{} {url}: {answer:?}", operation.method);
        }
        assert_eq!(self.caller.get("/v1/overview").await.status, 200, "it goes on");
    }
}

/// The response to an attack: a problem document with a 4xx status.
struct Refusal {
    status: u16,
    said: Value,
    case: String,
}

impl Refusal {
    fn of(answer: Answer, case: String) -> Refusal {
        assert!((400..500).contains(&answer.status), "{case}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{case}: {answer:?}");
        assert!(answer.text.len() < 4000, "{case}: an answer of {} bytes", answer.text.len());
        let said = answer.json();
        assert!(said["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{case}: {answer:?}");
        Refusal { status: answer.status, said, case }
    }

    fn names(&self, field: &str) -> bool {
        let errors = self.said["errors"].as_array().into_iter().flatten();
        errors.map(|error| error["field"].as_str().unwrap()).any(|named| {
            let is_above = |above: &str, below: &str| below.starts_with(above) && !above.is_empty();
            field.is_empty() || is_above(named, field) || is_above(field, named)
        })
    }

    /// It names `field`, its parent, or one of its children.
    fn assert_names(&self, field: &str, attack: &str) {
        assert!(self.names(field), "{} {attack}: {field:?} is not named: {}", self.case, self.said);
    }

    /// It names `field`, or the line and column, or the byte.
    fn assert_says_where(&self, field: &str, attack: &str) {
        let said = self.said.to_string();
        let is_told =
            self.names(field) || said.contains(" at line ") || said.contains(" byte ") || said.contains("UTF-8");
        assert!(is_told, "{} {attack}: neither {field:?} nor a place is named: {}", self.case, self.said);
    }
}

/// Returns the text of `base` with `raw` at `place`.
fn with_raw(place: &Place, base: &Value, raw: &[u8]) -> Vec<u8> {
    let text = place.put(base, json!(MARK)).to_string();
    let (before, after) = text.split_once(&format!("\"{MARK}\"")).unwrap();
    [before.as_bytes(), raw, after.as_bytes()].concat()
}

/// Returns the value of `base` at `place`.
fn at<'a>(place: &Place, base: &'a Value) -> Option<&'a Value> {
    place.path.iter().try_fold(base, |here, step| match step {
        Step::Member(name) => here.get(name),
        Step::Element => here.get(0),
    })
}

/// A value of each type.
fn one_of_each() -> BTreeMap<&'static str, Value> {
    let values = [json!(null), json!(true), json!(7), json!(7.5), json!("x"), json!([]), json!({})];
    ["null", "boolean", "integer", "number", "string", "array", "object"].into_iter().zip(values).collect()
}

/// JSON texts that are invalid at every place: name and text.
fn poisons() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000)).into_bytes();
    vec![
        ("lists in lists", nested("[", "]")),
        ("objects in objects", nested("{\"a\":", "}")),
        ("a number beyond all", b"1e999".to_vec()),
        ("a number below all", b"-1e999".to_vec()),
        ("not a number", b"NaN".to_vec()),
        ("half a character", b"\"\\ud800\"".to_vec()),
        ("no UTF-8", b"\"\xff\xfe\"".to_vec()),
        ("a control character", b"\"a\x00b\"".to_vec()),
        ("nothing", b"".to_vec()),
    ]
}

#[tokio::test]
async fn no_place_of_any_body_takes_what_it_may_not() {
    let mut scene = Scene::start().await;
    for operation in scene.document.operations() {
        let Some(schema) = &operation.body else { continue };
        let base = scene.base(schema);
        // An item of a list is parsed separately.
        let is_in_list = |place: &Place| operation.takes_lists && place.path.first() == Some(&Step::Element);
        let places: Vec<Place> = scene.document.places(schema).into_iter().filter(|place| !is_in_list(place)).collect();
        for place in &places {
            let name = place.name();
            for (attack, raw) in poisons() {
                // A list without this element is still a list.
                if raw.is_empty() && place.path.last() == Some(&Step::Element) {
                    continue;
                }
                let body = with_raw(place, &base, &raw);
                let refusal = scene.attack(&operation, JSON, body).await;
                refusal.assert_says_where(&name, attack);
                if attack.contains(" in ") {
                    refusal.assert_names(&name, attack);
                }
            }
            let mut values = Vec::new();
            for (kind, value) in one_of_each() {
                let is_item = operation.takes_lists && place.path.is_empty();
                if !place.takes(kind) && !is_item {
                    values.push((kind.to_owned(), value));
                }
            }
            if place.takes("string") && !place.kinds.is_empty() || name.ends_with(".value") {
                values.push(("a huge text".to_owned(), json!("x".repeat(HUGE))));
            }
            if place.kinds.contains("integer") {
                let beyond = [json!(-1), json!(1.5), json!(1e30), json!(18_446_744_073_709_551_615_u64)];
                values.extend(beyond.map(|number| (number.to_string(), number)));
            }
            // GHL judges the amount.
            if place.kinds.contains("number") && !name.ends_with("monetaryValue") {
                values.extend([json!(-1), json!(1e30)].map(|number| (number.to_string(), number)));
            }
            if place.is_closed {
                let mut object = at(place, &base).filter(|here| here.is_object()).cloned().unwrap_or(json!({}));
                object[UNKNOWN] = json!(1);
                values.push(("an unknown field".to_owned(), object));
            }
            for (attack, value) in values {
                let body = place.put(&base, value).to_string();
                let refusal = scene.attack(&operation, JSON, body).await;
                assert_eq!(refusal.status, 422, "{} {attack} at {name:?}: {}", refusal.case, refusal.said);
                refusal.assert_names(&name, &attack);
            }
            if let Some(Step::Member(member)) = place.path.last() {
                let value = at(place, &base).cloned().unwrap_or_else(|| {
                    let kind = place.kinds.iter().find(|kind| *kind != "null").map_or("string", String::as_str);
                    one_of_each()[kind].clone()
                });
                let twice = format!("{value},\"{member}\":{value}");
                let refusal = scene.attack(&operation, JSON, with_raw(place, &base, twice.as_bytes())).await;
                refusal.assert_names(&name, "twice");
            }
        }
    }
    scene.assert_unharmed(1000).await;
}

#[tokio::test]
async fn no_route_takes_a_body_that_is_none_or_is_called_something_else() {
    let mut scene = Scene::start().await;
    let large = |of: &str| of.repeat((4 << 20) / of.len()).into_bytes();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for operation in scene.document.operations() {
        let Some(schema) = &operation.body else { continue };
        let base = scene.base(schema).to_string();
        let bodies: [Vec<u8>; 16] = [
            b"".to_vec(),
            b" \n".to_vec(),
            b"null".to_vec(),
            b"7".to_vec(),
            b"\"x\"".to_vec(),
            b"[]".to_vec(),
            b"{".to_vec(),
            b"\xef\xbb\xbf\xef\xbb\xbf{}".to_vec(),
            b"\xff\xfe".to_vec(),
            utf16(&base),
            base.as_bytes()[..base.len() - 1].to_vec(),
            format!("{base}{base}").into_bytes(),
            format!("{{\"{}\":1}}", "z".repeat(HUGE)).into_bytes(),
            large("["),
            large("{\"a\":"),
            [large(" "), vec![b' ']].concat(),
        ];
        for body in bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let is_too_large = body.len() > 4 << 20;
            let refusal = scene.attack(&operation, JSON, body.clone()).await;
            let expected: &[u16] = if is_too_large { &[413] } else { &[400, 422] };
            assert!(expected.contains(&refusal.status), "{} {shown}: {}", refusal.case, refusal.said);
            if operation.takes_lists {
                scene.attack(&operation, "application/x-ndjson", body).await;
            }
        }
        let kinds = [
            "text/plain",
            "text/json; charset=utf-16",
            "application/json; charset=utf-16",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "not a type",
            "",
        ];
        for kind in kinds {
            let refusal = scene.attack(&operation, kind, base.clone()).await;
            assert_eq!(refusal.status, 415, "{} {kind}: {}", refusal.case, refusal.said);
        }
        let key = scene.caller.key.clone();
        let packed = [("x-api-key", key.as_str()), ("content-type", JSON), ("content-encoding", "gzip")];
        let answer = scene.caller.send(operation.method.clone(), &operation.url(None), &packed, vec![0x1f, 0x8b]).await;
        assert_eq!(Refusal::of(answer, operation.path.clone()).status, 415);
    }
    scene.assert_unharmed(150).await;
}

/// Sends a path and query longer than any that reaches the API: it is refused before it becomes a request.
async fn answer_to_long_uri(caller: &Caller, operation: &Operation) -> String {
    let url = caller.server.url();
    let host = url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let (method, path, query) = (&operation.method, operation.url(None), "x".repeat(HUGE));
    let head = format!("{method} {path}?a={query} HTTP/1.1\r\nhost: {host}\r\nx-api-key: {}\r\n\r\n", caller.key);
    // The server may respond and close the connection before everything is sent.
    let _ = socket.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn no_route_takes_a_hostile_path_query_or_method() {
    let mut scene = Scene::start().await;
    let mut paths: BTreeMap<String, Vec<Method>> = BTreeMap::new();
    for operation in scene.document.operations() {
        paths.entry(operation.url(None)).or_default().push(operation.method.clone());
        let body = operation.body.as_ref().map_or_else(String::new, |schema| scene.base(schema).to_string());
        let send = async |url: &str| {
            let answer = scene.caller.with_body(operation.method.clone(), url, JSON, body.clone()).await;
            (answer, format!("{} {}", operation.method, &url[..url.len().min(100)]))
        };
        for parameter in operation.parameters_in("path") {
            let long = ["x".repeat(257), "x".repeat(LONG_URI), "%C3%BC".repeat(200)];
            for bad in
                ["%00", "%ff", "a%0d%0aX-Evil:%201", "%7f", "%C2%85"].into_iter().chain(long.iter().map(String::as_str))
            {
                let (answer, case) = send(&operation.url(Some((&parameter.name, bad)))).await;
                assert!(answer.headers.get("x-evil").is_none());
                let refusal = Refusal::of(answer, case);
                assert_eq!(refusal.status, 400, "{}: {}", refusal.case, refusal.said);
                refusal.assert_names(&parameter.name, bad);
                scene.attacks += 1;
            }
            // Valid ids of things that do not exist.
            for odd in ["%EF%BF%BF", "..%2f..%2f..", "%25%30%30"] {
                let (answer, case) = send(&operation.url(Some((&parameter.name, odd)))).await;
                assert!([400, 404].contains(&Refusal::of(answer, case).status));
                scene.attacks += 1;
            }
        }
        let queries: Vec<_> = operation.parameters_in("query").collect();
        for parameter in &queries {
            let name = parameter.name.as_str();
            let others: String = queries
                .iter()
                .filter(|other| other.is_required && other.name != name)
                .map(|other| format!("{}={LOCATION}&", other.name))
                .collect();
            let huge = "x".repeat(LONG_URI);
            let mut bad = vec!["%ff", "%C3", "%00", huge.as_str()];
            if parameter.schema["type"] == "integer" {
                bad.extend(["-1", "1.5", "x", "", "1e3", "0x10", "4294967296", "99999999999999999999999999"]);
            }
            let once = bad.iter().map(|bad| format!("{name}={bad}"));
            for query in once.chain([format!("{name}=1&{name}=1"), format!("{name}[]=%ff")]) {
                let (answer, case) = send(&format!("{}?{others}{query}", operation.url(None))).await;
                Refusal::of(answer, case).assert_names(name, &query[..query.len().min(60)]);
                scene.attacks += 1;
            }
        }
        if !queries.is_empty() {
            let (answer, case) = send(&format!("{}?{UNKNOWN}=1", operation.url(None))).await;
            Refusal::of(answer, case).assert_names(UNKNOWN, "an unknown field");
        }
        let long = tokio::time::timeout(MINUTE, answer_to_long_uri(&scene.caller, &operation)).await.unwrap();
        assert!(
            ["HTTP/1.1 414", "HTTP/1.1 431"].contains(&&long[..12]),
            "{} {}: {long}",
            operation.method,
            operation.path
        );
    }
    for (path, methods) in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            let method: Method = method.parse().unwrap();
            if methods.contains(&method) {
                continue;
            }
            let answer = scene.caller.with_body(method.clone(), &path, JSON, "{}").await;
            let allowed = answer.header("allow").to_owned();
            let refusal = Refusal::of(answer, format!("{method} {path}"));
            assert_eq!(refusal.status, 405, "{}: {}", refusal.case, refusal.said);
            assert!(methods.iter().all(|method| allowed.contains(method.as_str())), "{}: {allowed}", refusal.case);
            scene.attacks += 1;
        }
    }
    scene.assert_unharmed(300).await;
}

#[tokio::test]
async fn a_cursor_that_was_cut_altered_made_up_or_given_elsewhere_is_refused_by_every_paged_route() {
    let mut scene = Scene::start().await;
    let running = scene.deployment.stack.functions.clone().start(NEVER);
    let refused =
        |id: &str| json!({ "id": id, "contact": { "email": format!("{id}@example.com"), "dateOfBirth": "never" } });
    for of in [LOCATION, OTHER] {
        let put =
            scene.caller.post(&format!("/v1/locations/{of}/contacts"), &json!(["a", "b", "c"].map(refused))).await;
        assert_eq!(put.status, 202, "{put:?}");
        let all = |all: &Answer| all.json()["records"].as_array().unwrap().len() == 3;
        scene.caller.until(&format!("/v1/locations/{of}/records"), all).await;
    }
    drop(running);
    let first = scene.caller.get(&format!("/v1/locations/{OTHER}/records?limit=2")).await.json();
    let given = first["cursor"].as_str().unwrap();
    let own = scene.caller.get(&format!("/v1/locations/{LOCATION}/records?limit=2")).await.json();
    let own = own["cursor"].as_str().unwrap();
    let made_up =
        ["", ".", "0.", "0.00", "-1.63", "x", "null", "0", "18446744073709551616.63", "'; DROP TABLE", "ü", "\u{0}"];
    let mut bad: Vec<String> = made_up.map(str::to_owned).into();
    bad.push(given.to_owned());
    bad.extend((0..own.len()).map(|end| own[..end].to_owned()));
    bad.extend([format!("{own}0"), format!("0{own}"), own.to_uppercase(), "f".repeat(HUGE / 4)]);
    let mut routes = 0;
    let before = scene.deployment.stored().await;
    for operation in scene.document.operations() {
        if operation.parameters_in("query").any(|parameter| parameter.name == "cursor") {
            routes += 1;
            for cursor in &bad {
                let encoded: String = cursor.bytes().map(|byte| format!("%{byte:02X}")).take(LONG_URI / 3).collect();
                let answer = scene.caller.get(&format!("{}?cursor={encoded}", operation.url(None))).await;
                let refusal = Refusal::of(answer, format!("{} {cursor:.60}", operation.path));
                refusal.assert_names("cursor", "");
            }
        }
        let schema = operation.body.clone().unwrap_or_default();
        let takes_cursor = |place: &Place| place.path == [Step::Member("cursor".to_owned())];
        if scene.document.places(&schema).iter().any(takes_cursor) {
            routes += 1;
            let mut body = scene.base(&schema);
            for cursor in &bad {
                body["cursor"] = json!(cursor);
                let refusal = scene.attack(&operation, JSON, body.to_string()).await;
                assert_eq!(refusal.status, 422, "{}: {}", refusal.case, refusal.said);
                refusal.assert_names("cursor", cursor);
            }
        }
    }
    assert_eq!(
        routes, 11,
        "the overview, the lists of locations, records and lists, a replay, a mend and a dismissal, the cancel and the undo of an import, erasing, the audit trail"
    );
    assert_eq!(scene.deployment.stored().await, before);
    let rest = scene.caller.get(&format!("/v1/locations/{LOCATION}/records?limit=2&cursor={own}")).await.json();
    assert_eq!((rest["records"].as_array().unwrap().len(), &rest["cursor"]), (1, &Value::Null), "its own is taken");
}
