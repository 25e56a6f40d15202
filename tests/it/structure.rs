//! The GHL client against the sandbox: the structure of a location, and all of its records.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_cli::sandbox::{Sandbox, SandboxOptions, SandboxTokens, Unwritable};
use ghl_sync_engine::ports::Crm;
use ghl_sync_ghl::{Accounts, ApiAccount, ClientConfig, GhlClient, NoAccount};
use ghl_sync_model::{
    Answer, Api, Call, Cause, Failure, FieldType, GhlId, Kind, LocationId, NewField, NewPipeline, PageCursor, Secret,
};
use serde_json::json;

const DAY: u64 = 86_400_000;

#[tokio::test]
async fn what_is_made_is_listed_and_is_gone_once_it_is_deleted() {
    let world = World::new(Api::V2).await;
    let field = new_field(Kind::Opportunity, FieldType::SingleOptions);
    let Answer::CustomField(made) = world.ok(&Call::CreateCustomField(field.clone())).await else { panic!() };
    assert_eq!((made.to_new(), made.key.as_deref()), (field, Some("opportunity.größe")));
    assert_eq!(world.ok(&Call::ListCustomFields).await, Answer::CustomFields(vec![made.clone()]));

    let create = Call::CreateCustomValue { name: "Hours".to_owned(), value: "9–5 ☕".to_owned() };
    let Answer::CustomValue(value) = world.ok(&create).await else { panic!() };
    assert_eq!(world.ok(&Call::ListCustomValues).await, Answer::CustomValues(vec![value.clone()]));
    let Answer::Tag(tag) = world.ok(&Call::CreateTag("vip".to_owned())).await else { panic!() };
    assert_eq!(world.ok(&Call::ListTags).await, Answer::Tags(vec![tag.clone()]));

    let deletions = [Call::DeleteCustomField(made.id), Call::DeleteCustomValue(value.id), Call::DeleteTag(tag.id)];
    for call in deletions.iter().chain(&deletions) {
        assert_eq!(world.ok(call).await, Answer::Deleted, "{call:?}");
    }
    let contents = world.sandbox.contents("loc");
    assert_eq!((contents.custom_fields.len(), contents.custom_values.len(), contents.tags.len()), (0, 0, 0));
}

#[tokio::test]
async fn every_type_of_field_can_be_defined_in_both_apis() {
    for api in [Api::V2, Api::V1] {
        let world = World::new(api).await;
        for data_type in FieldType::KNOWN {
            let field = NewField { name: data_type.to_string(), ..new_field(Kind::Contact, data_type) };
            let Answer::CustomField(made) = world.ok(&Call::CreateCustomField(field.clone())).await else { panic!() };
            assert_eq!((made.data_type, made.options), (field.data_type, field.options), "{api:?}");
        }
        let Answer::CustomFields(listed) = world.ok(&Call::ListCustomFields).await else { panic!() };
        assert_eq!(listed.len(), FieldType::KNOWN.len(), "{api:?}");
    }
}

#[tokio::test]
async fn a_location_shows_itself_its_users_and_its_pipelines() {
    let world = World::new(Api::V2).await;
    let seed = world.sandbox.seed("loc");
    seed.profile("Dentist", "Europe/Berlin", "DE").unwrap();
    let user = seed.user("Ann Lee", "ann@example.com").unwrap();
    let given = seed.pipelines(&[("Deals", &["New", "Won"])]).unwrap();
    let Answer::Location(location) = world.ok(&Call::GetLocation).await else { panic!() };
    assert_eq!((location.name.as_str(), location.allow_duplicate_contact), ("Dentist", Some(false)));
    let Answer::Users(users) = world.ok(&Call::ListUsers).await else { panic!() };
    assert_eq!((users[0].id.as_str(), users[0].email.as_deref()), (user.as_str(), Some("ann@example.com")));
    let Answer::Pipelines(pipelines) = world.ok(&Call::ListPipelines).await else { panic!() };
    let stages: Vec<(&str, u32)> =
        pipelines[0].stages.iter().map(|stage| (stage.name.as_str(), stage.position)).collect();
    assert_eq!((pipelines[0].id.as_str(), stages), (given[0].id.as_str(), vec![("New", 0), ("Won", 1)]));
}

fn new_pipeline(name: &str) -> Call {
    Call::CreatePipeline(NewPipeline { name: name.to_owned(), stages: vec!["New".to_owned(), "Won 🏠".to_owned()] })
}

#[tokio::test]
async fn a_pipeline_is_made_read_by_its_id_and_deleted() {
    let world = World::new(Api::V2).await;
    let Answer::Pipeline(made) = world.ok(&new_pipeline("More")).await else { panic!() };
    assert_eq!((made.name.as_str(), made.stages.len()), ("More", 0), "the answer leaves the stages out");
    let Answer::Pipeline(shown) = world.ok(&Call::GetPipeline(made.id.clone())).await else { panic!() };
    let stages: Vec<(&str, u32)> = shown.stages.iter().map(|stage| (stage.name.as_str(), stage.position)).collect();
    assert_eq!(stages, [("New", 0), ("Won 🏠", 1)]);
    let Answer::Pipelines(listed) = world.ok(&Call::ListPipelines).await else { panic!() };
    assert!(listed.contains(&shown));
    assert_eq!(world.failure(&new_pipeline("MORE")).await.status, Some(400), "the name is taken");
    let delete = Call::DeletePipeline(made.id.clone());
    assert_eq!((world.ok(&delete).await, world.ok(&delete).await), (Answer::Deleted, Answer::Deleted));
    assert_eq!(world.failure(&Call::GetPipeline(made.id)).await.cause, Some(Cause::Missing));
}

#[tokio::test]
async fn a_pipeline_that_was_just_made_does_not_show_yet() {
    let lagging = SandboxOptions { search_lag: Duration::from_secs(60), ..SandboxOptions::default() };
    let world = World::of(Api::V2, lagging).await;
    let Answer::Pipeline(made) = world.ok(&new_pipeline("More")).await else { panic!() };
    assert_eq!(world.failure(&Call::GetPipeline(made.id)).await.cause, Some(Cause::Missing));
    let Answer::Pipelines(listed) = world.ok(&Call::ListPipelines).await else { panic!() };
    assert_eq!(listed.len(), 3);
}

#[tokio::test]
async fn pipelines_need_scopes_of_their_own() {
    let missing = ["pipelines.create", "pipelines.write"].map(|scope| ("loc".to_owned(), scope.to_owned()));
    let options = SandboxOptions { missing_scopes: missing.into(), ..SandboxOptions::default() };
    let world = World::of(Api::V2, options).await;
    for call in [new_pipeline("More"), Call::DeletePipeline(GhlId::new("pipeline-sales").unwrap())] {
        assert_eq!(world.failure(&call).await.cause, Some(Cause::Forbidden), "{call:?}");
    }
}

#[tokio::test]
async fn all_records_are_read_page_by_page_each_once_in_both_apis() {
    for api in [Api::V2, Api::V1] {
        let world = World::new(api).await;
        let seed = world.sandbox.seed("loc");
        for n in 0..205_u64 {
            let body = json!({"email": format!("{n}@example.com"), "tags": ["all"]});
            let contact = seed.contact(body, &Unwritable::default(), DAY + n / 3).unwrap();
            let opportunity = json!({
                "pipelineId": "pipeline-sales", "name": format!("Deal {n}"), "status": "won", "contactId": contact,
            });
            seed.opportunity(opportunity, DAY + n / 3).unwrap();
        }
        let contents = world.sandbox.contents("loc");
        let (mut contacts, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let Answer::Contacts(page) = world.ok(&Call::ContactsPage { cursor, limit: 100 }).await else { panic!() };
            assert_eq!(page.total, Some(205), "{api:?}");
            contacts.extend(page.contacts.into_iter().map(|contact| contact.id.to_string()));
            (cursor, pages) = (page.next, pages + 1);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((sorted(contacts), pages), (ids(&contents.contacts), 3), "{api:?}");

        let (mut opportunities, mut cursor): (Vec<String>, Option<PageCursor>) = (Vec::new(), None);
        loop {
            let pipeline = Some(GhlId::new("pipeline-sales").unwrap());
            let call = Call::OpportunitiesPage { pipeline, cursor, limit: 100 };
            let Answer::OpportunityPage(page) = world.ok(&call).await else { panic!() };
            assert!(page.opportunities.iter().all(|opportunity| opportunity.content.contact_id.is_some()), "{api:?}");
            opportunities.extend(page.opportunities.into_iter().map(|opportunity| opportunity.id.to_string()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(sorted(opportunities), ids(&contents.opportunities), "{api:?}");

        for id in ids(&contents.opportunities) {
            let pipeline_id = GhlId::new("pipeline-sales").unwrap();
            world.ok(&Call::DeleteOpportunity { id: GhlId::new(id).unwrap(), pipeline_id }).await;
        }
        for id in ids(&contents.contacts) {
            world.ok(&Call::DeleteContact(GhlId::new(id).unwrap())).await;
        }
        let stats = world.sandbox.stats();
        assert_eq!((stats.contacts, stats.opportunities), (0, 0), "{api:?}");
    }
}

/// A sandbox with the location `loc`, and a client with its token.
struct World {
    sandbox: Sandbox,
    client: GhlClient,
}

impl World {
    async fn new(api: Api) -> World {
        World::of(api, SandboxOptions { search_lag: Duration::ZERO, ..SandboxOptions::default() }).await
    }

    async fn of(api: Api, options: SandboxOptions) -> World {
        let tokens = SandboxTokens::PerLocation(BTreeMap::from([("token".to_owned(), "loc".to_owned())]));
        let options = SandboxOptions { limit: 10_000, tokens, ..options };
        let sandbox = Sandbox::start(options, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let (v2_base_url, v1_base_url) = (sandbox.url(), format!("{}/v1", sandbox.url()));
        let client = GhlClient::new(ClientConfig { v2_base_url, v1_base_url }, Arc::new(OneAccount(api))).unwrap();
        World { sandbox, client }
    }

    async fn call(&self, call: &Call) -> Result<Answer, Failure> {
        self.client.call(&LocationId::new("loc").unwrap(), call, Duration::from_secs(20)).await.answer
    }

    async fn ok(&self, call: &Call) -> Answer {
        self.call(call).await.unwrap_or_else(|failure| panic!("{call:?}: {failure}"))
    }

    async fn failure(&self, call: &Call) -> Failure {
        self.call(call).await.expect_err("a refusal")
    }
}

struct OneAccount(Api);

#[async_trait]
impl Accounts for OneAccount {
    async fn account(&self, _: &LocationId) -> Result<ApiAccount, NoAccount> {
        Ok(ApiAccount { token: Secret::new("token"), api: self.0 })
    }

    async fn refused(&self, _: &LocationId, _: &Secret) -> bool {
        false
    }

    async fn api(&self, _: &LocationId) -> Api {
        self.0
    }
}

fn new_field(model: Kind, data_type: FieldType) -> NewField {
    let is_list = data_type.has_options() || data_type == FieldType::TextboxList;
    NewField {
        name: "Größe".to_owned(),
        model,
        options: if is_list { vec!["S".to_owned(), "L 👟".to_owned()] } else { vec![] },
        data_type,
        placeholder: Some("Pick".to_owned()),
        position: Some(3),
        accepted_formats: vec![],
        multiple_files: None,
        max_files: None,
    }
}

fn ids(records: &[serde_json::Value]) -> Vec<String> {
    sorted(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect())
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids
}
