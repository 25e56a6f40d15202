//! The page on which people say whom an app may work for: `/v2/oauth/chooselocation`. Whoever chooses is sent back to the
//! app with a code. The real page has the same address, and another look.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{Method, StatusCode};

use super::answer::{Answer, Handled};
use super::fake::FakeGhl;
use super::oauth::{Code, Installation, Issuer};
use super::options::{Installed, Marketplace};
use super::request::Request;

/// How long a code is good.
const GOOD_FOR: Duration = Duration::from_secs(600);

/// Answers a request to the consent page; `None` if it is to elsewhere.
pub(crate) fn handle(ghl: &FakeGhl, request: &Request) -> Option<Answer> {
    let segments = request.segments();
    let ["v2", "oauth", "chooselocation", path @ ..] = segments.as_slice() else { return None };
    let handled = match (&request.method, path) {
        (&Method::GET, []) => page(ghl, request),
        (&Method::GET, ["choose"]) => choose(ghl, request),
        (method, _) => Err(Answer::unknown_path(method.as_str(), &request.path)),
    };
    Some(handled.unwrap_or_else(|refusal| refusal))
}

/// What an app asks for.
struct Asked<'r> {
    redirect_uri: &'r str,
    scope: &'r str,
    state: Option<&'r str>,
}

impl<'r> Asked<'r> {
    fn of(issuer: &Issuer, request: &'r Request) -> Result<(Marketplace, Asked<'r>), Answer> {
        let wrong = |what: &str| Answer::page(StatusCode::BAD_REQUEST, frame(&format!("<p>{what}</p>")));
        let app = issuer.app.clone().filter(|app| !app.locations.is_empty());
        let app = app.ok_or_else(|| Answer::unknown_path("GET", &request.path))?;
        if request.query("client_id") != Some(&app.client_id) {
            return Err(wrong("There is no app with this client_id."));
        }
        if request.query("response_type") != Some("code") {
            return Err(wrong("The response_type must be code."));
        }
        let redirect_uri = request.query("redirect_uri").unwrap_or_default();
        if !["http://", "https://"].iter().any(|scheme| redirect_uri.starts_with(scheme)) {
            return Err(wrong("The redirect_uri is none."));
        }
        let scope = request.query("scope").ok_or_else(|| wrong("The scope is missing."))?;
        Ok((app, Asked { redirect_uri, scope, state: request.query("state") }))
    }

    /// Back to the app, with `answer`.
    fn back(&self, name: &str, value: &str) -> Answer {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(name, value);
        if let Some(state) = self.state {
            query.append_pair("state", state);
        }
        Answer::onward(format!("{}?{}", self.redirect_uri, query.finish()))
    }
}

fn page(ghl: &FakeGhl, request: &Request) -> Handled {
    let (app, asked) = Asked::of(&ghl.issuer(), request)?;
    let link = |name: &str, value: &str, words: &str| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.query_pairs()).append_pair(name, value);
        format!(
            "<li><a href=\"/v2/oauth/chooselocation/choose?{}\">{}</a></li>",
            escape(&query.finish()),
            escape(words)
        )
    };
    let mut choices: Vec<String> =
        app.locations.iter().map(|location| link("location", location, &ghl.name_of(location))).collect();
    choices.push(link("agency", &app.company, &format!("The agency {} and all its sub-accounts", app.company)));
    choices.push(link("deny", "1", "Cancel"));
    let scopes: String = asked.scope.split_whitespace().map(|scope| format!("<li>{}</li>", escape(scope))).collect();
    let content = format!(
        "<p>Whom may the app {} work for? It asks for:</p><ul>{scopes}</ul><ul>{}</ul>",
        escape(&app.client_id),
        choices.concat()
    );
    Ok(Answer::page(StatusCode::OK, frame(&content)))
}

fn choose(ghl: &FakeGhl, request: &Request) -> Handled {
    let now = ghl.now();
    let mut issuer = ghl.issuer();
    let (app, asked) = Asked::of(&issuer, request)?;
    if request.query("deny").is_some() {
        return Ok(asked.back("error", "access_denied"));
    }
    let location = request.query("location").filter(|chosen| app.locations.iter().any(|location| location == chosen));
    let installed = match location {
        Some(location) => Installed::Location(location.to_owned()),
        None => Installed::Company(app.company.clone()),
    };
    let is_granted = |scope: &&str| app.scopes.as_ref().is_none_or(|scopes| scopes.contains(*scope));
    let scopes: BTreeSet<String> = asked.scope.split_whitespace().filter(is_granted).map(str::to_owned).collect();
    let code = issuer.ids.token("code");
    let of = Installation { installed, scopes: Some(scopes) };
    let redirect_uri = asked.redirect_uri.to_owned();
    issuer.codes.insert(code.clone(), Code { of, redirect_uri, until: now + GOOD_FOR });
    Ok(asked.back("code", &code))
}

fn frame(content: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Consent – sandbox</title></head>\
         <body><h1>Sandbox of GoHighLevel</h1>{content}</body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
