//! The page on which a user chooses the location an app may access: `/v2/oauth/chooselocation`. After the choice, the
//! user is sent back to the app with a code. The real page has the same address, but looks different.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{Method, StatusCode};

use super::answer::{Handled, SandboxAnswer};
use super::fake::FakeGhl;
use super::oauth::{AuthorizationCode, Installation, Issuer};
use super::options::{Installed, Marketplace};
use super::request::SandboxRequest;

/// How long a code is valid.
const GOOD_FOR: Duration = Duration::from_secs(600);

/// Answers a request to the consent page; `None` if it is for another path.
pub(crate) fn handle(ghl: &FakeGhl, request: &SandboxRequest) -> Option<SandboxAnswer> {
    let segments = request.segments();
    let ["v2", "oauth", "chooselocation", path @ ..] = segments.as_slice() else { return None };
    let handled = match (&request.method, path) {
        (&Method::GET, []) => page(ghl, request),
        (&Method::GET, ["choose"]) => choose(ghl, request),
        (method, _) => Err(SandboxAnswer::unknown_path(method.as_str(), &request.path)),
    };
    Some(handled.unwrap_or_else(|refusal| refusal))
}

/// Parameters of an app's request for access.
struct AccessRequest<'r> {
    redirect_uri: &'r str,
    scope: &'r str,
    state: Option<&'r str>,
}

impl<'r> AccessRequest<'r> {
    fn of(issuer: &Issuer, request: &'r SandboxRequest) -> Result<(Marketplace, AccessRequest<'r>), SandboxAnswer> {
        let wrong = |what: &str| SandboxAnswer::page(StatusCode::BAD_REQUEST, frame(&format!("<p>{what}</p>")));
        let app = issuer.app.clone().filter(|app| !app.locations.is_empty());
        let app = app.ok_or_else(|| SandboxAnswer::unknown_path("GET", &request.path))?;
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
        Ok((app, AccessRequest { redirect_uri, scope, state: request.query("state") }))
    }

    /// Redirects back to the app with the parameter `name`.
    fn back(&self, name: &str, value: &str) -> SandboxAnswer {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(name, value);
        if let Some(state) = self.state {
            query.append_pair("state", state);
        }
        SandboxAnswer::onward(format!("{}?{}", self.redirect_uri, query.finish()))
    }
}

fn page(ghl: &FakeGhl, request: &SandboxRequest) -> Handled {
    let (app, asked) = AccessRequest::of(&ghl.issuer(), request)?;
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
    Ok(SandboxAnswer::page(StatusCode::OK, frame(&content)))
}

fn choose(ghl: &FakeGhl, request: &SandboxRequest) -> Handled {
    let now = ghl.now();
    let mut issuer = ghl.issuer();
    let (app, asked) = AccessRequest::of(&issuer, request)?;
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
    issuer.codes.insert(code.clone(), AuthorizationCode { of, redirect_uri, until: now + GOOD_FOR });
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
