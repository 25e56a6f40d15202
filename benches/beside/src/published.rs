//! The published Rust clients, unchanged.

use async_trait::async_trait;
use highlevel_api::apis::contacts::types::CreateContactParams;
use highlevel_api::{HighLevel, HighLevelConfig};

use crate::call::TOKEN;
use crate::client::{Client, GaveUp};
use crate::task::{LOCATION, Person};

/// `ghl-sdk`: after a 429 up to three retries (or a configured number), after half a second or more.
pub(crate) struct GhlSdk(ghl_sdk::Ghl);

impl GhlSdk {
    pub(crate) fn new(url: &str, retries: Option<u32>) -> Result<GhlSdk, ghl_sdk::Error> {
        let builder = ghl_sdk::Ghl::builder().base_url(url).private_integration_token(TOKEN);
        match retries {
            Some(retries) => builder.max_retries(retries),
            None => builder,
        }
        .build()
        .map(GhlSdk)
    }
}

#[async_trait]
impl Client for GhlSdk {
    async fn upsert(&self, person: &Person) -> Result<(), GaveUp> {
        self.0.post_raw("/contacts/upsert", &person.body()).await.map(|_| ()).map_err(|_| GaveUp)
    }
}

/// `highlevel-api`: a token bucket of 95 per 10 s, up to three retries, and a breaker that counts 429s.
pub(crate) struct HighlevelApi(HighLevel);

impl HighlevelApi {
    pub(crate) async fn new(url: &str) -> HighlevelApi {
        let client = HighLevel::new(HighLevelConfig { base_url: url.to_owned(), ..HighLevelConfig::default() });
        client.set_access_token(TOKEN).await;
        HighlevelApi(client)
    }
}

#[async_trait]
impl Client for HighlevelApi {
    async fn upsert(&self, person: &Person) -> Result<(), GaveUp> {
        let contact = CreateContactParams {
            location_id: LOCATION.to_owned(),
            first_name: Some(person.first_name.clone()),
            last_name: Some(person.last_name.clone()),
            email: Some(person.email.clone()),
            phone: Some(person.phone.clone()),
            ..CreateContactParams::default()
        };
        self.0.contacts().upsert(&contact).await.map(|_| ()).map_err(|_| GaveUp)
    }
}
