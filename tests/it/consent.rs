//! A browser that connects accounts: it signs in, follows links, sends forms, and goes to GHL's page and back.

use ghl_sync_engine::usecase::Engine;
use ghl_sync_runtime::{Config, Connecting};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde_json::json;

use crate::api_keys::make;
use crate::caller::{Answer, Caller};
use crate::deployment::{Deployment, LOCATION, vars};
use crate::records::contacts;

/// Headers of a navigation from a page of the same site.
const OUR_PAGE: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];
/// Headers of a navigation from another site: without the session cookie.
const LED: [(&str, &str); 3] =
    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

/// A signed-in browser.
pub(crate) struct Browser {
    pub(crate) caller: Caller,
    client: Client,
    /// The session cookie.
    pub(crate) session: String,
}

/// A person on GHL's page.
pub(crate) struct AtGhl {
    /// URL of the page.
    pub(crate) page: String,
    /// Cookie of the attempt.
    pub(crate) cookie: String,
}

impl Browser {
    /// A browser on a deployment's pages, signed in with its key.
    pub(crate) async fn at(deployment: &Deployment) -> Browser {
        let caller = Caller::of(deployment).await;
        let key = caller.key.clone();
        Browser::signed_in(caller, &key).await
    }

    /// The same with another engine, and changes to the environment of the pages.
    pub(crate) async fn over(deployment: &Deployment, engine: Engine, changes: &[(&str, &str)]) -> Browser {
        let environment = deployment.stack.vars.clone().into_iter().chain(vars(changes)).collect();
        let connecting = Connecting::new(Config::for_connect(environment).unwrap(), engine).unwrap();
        let caller = Caller::beside(deployment.migrator(), deployment, connecting).await;
        let key = caller.key.clone();
        Browser::signed_in(caller, &key).await
    }

    /// A browser that signs in with this key.
    pub(crate) async fn signed_in(caller: Caller, key: &str) -> Browser {
        let json = ("content-type", "application/json");
        let body = json!({ "key": key }).to_string().into_bytes();
        let answer = caller.send(Method::POST, "/session", &[OUR_PAGE[0], json], body).await;
        let session = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Browser { caller, client, session }
    }

    pub(crate) async fn ask(&self, method: Method, url: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let url = if url.starts_with('/') { format!("{}{url}", self.caller.server.url()) } else { url.to_owned() };
        let answer = self.client.request(method, url).headers(all).body(body).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    /// Follows a link to our site.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[OUR_PAGE[0], ("cookie", &self.session)], String::new()).await
    }

    /// Sends a form to our site.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let origin = self.caller.server.url();
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.ask(
            Method::POST,
            path,
            &[OUR_PAGE[0], form, ("origin", &origin), ("cookie", &self.session)],
            body.join("&"),
        )
        .await
    }

    /// Goes to GHL's page for a `location` or an `agency`.
    pub(crate) async fn start(&self, whom: &str) -> AtGhl {
        let answer = self.get(&format!("/connect/start?for={whom}")).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        AtGhl { page: answer.header("location").to_owned(), cookie }
    }

    /// Clicks the link with these `words` on GHL's page. Returns the URL that GHL sends the browser to.
    pub(crate) async fn choose(&self, at: &AtGhl, words: &str) -> String {
        let page = self.ask(Method::GET, &at.page, &LED, String::new()).await;
        assert_eq!(page.status, 200, "{page:?}");
        let end = page.text.find(&format!("\">{words}</a>")).unwrap_or_else(|| panic!("{words} in {}", page.text));
        let begin = page.text[..end].rfind("href=\"").unwrap() + 6;
        let origin = at.page.split("/v2").next().unwrap();
        let link = format!("{origin}{}", page.text[begin..end].replace("&amp;", "&"));
        let chosen = self.ask(Method::GET, &link, &OUR_PAGE, String::new()).await;
        assert_eq!(chosen.status, 302, "{chosen:?}");
        chosen.header("location").to_owned()
    }

    /// Returns from GHL, with only this cookie.
    pub(crate) async fn come_back(&self, address: &str, cookie: &str) -> Answer {
        self.ask(Method::GET, address, &[&LED[..], &[("cookie", cookie)]].concat(), String::new()).await
    }

    /// Runs through all steps. Returns the page of the connection.
    pub(crate) async fn connect(&self, whom: &str, words: &str) -> Answer {
        let at = self.start(whom).await;
        let back = self.choose(&at, words).await;
        let returned = self.come_back(&back, &at.cookie).await;
        assert_eq!(returned.status, 200, "{returned:?}");
        let onward = returned.text.split("content=\"0; url=").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let page = self.get(&onward).await;
        assert_eq!(page.status, 200, "{page:?}");
        page
    }
}

/// Uses every feature of the function: connects a location and an agency, stores a token, and disconnects both.
pub(crate) async fn run(deployment: &Deployment, engine: Engine, vault: &str) {
    deployment.put(&contacts(1)).await;
    let browser = Browser::over(deployment, engine, &[("AWS_ENDPOINT_URL_SECRETS_MANAGER", vault)]).await;
    for _ in 0..2 {
        browser.connect("location", LOCATION).await;
        assert_eq!(browser.post("/connect/location-loc_demo/disconnect", &[]).await.status, 303);
    }
    browser.connect("agency", "The agency agency and all its sub-accounts").await;
    assert_eq!(browser.post("/connect/agency-agency/locations", &[("location", "loc_north")]).await.status, 303);
    assert_eq!(
        browser.post("/connect/token", &[("location_id", "loc_south"), ("token", "pit-local")]).await.status,
        303
    );
    assert!(browser.get("/connect").await.text.contains("agency-agency"));
    let (key, _) = make(&browser.caller, json!({ "name": "desk", "role": "admin" })).await;
    assert_eq!(browser.caller.with_key(&key, Method::GET, "/connect", None).await.status, 200);
}
