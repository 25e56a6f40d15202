//! Creating, changing and deleting pipelines.

use serde_json::json;

use super::*;

const PATH: &str = "/opportunities/pipelines";

fn body() -> Value {
    json!({
        "locationId": LOCATION, "name": "Deals", "showInFunnel": true, "showInPieChart": false,
        "useOpportunityProbability": true,
        "stages": [
            {"name": "Won", "position": 1, "showInFunnel": true, "showInPieChart": true, "stageWinProbability": 100},
            {"name": "New", "position": 0},
        ],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut body = body();
    body[name] = value;
    body
}

/// A pipeline `Opportunities` and an opportunity in its last stage. Returns their ids.
async fn opportunities(it: &Examination) -> (String, String) {
    let (status, said) = it.post(PATH, body()).await;
    assert_eq!(status, 201, "{said}");
    let pipeline = said["pipeline"]["id"].as_str().expect("an id").to_owned();
    let contact = it.contact(json!({"email": "a@example.com"})).await;
    let (_, shown) = it.get(&format!("{PATH}/{pipeline}")).await;
    let opportunity = json!({
        "locationId": LOCATION, "pipelineId": pipeline, "pipelineStageId": shown["pipeline"]["stages"][1]["id"],
        "name": "Roof", "status": "open", "contactId": contact,
    });
    let (status, said) = it.post("/opportunities/", opportunity).await;
    assert_eq!(status, 201, "{said}");
    (pipeline, said["opportunity"]["id"].as_str().expect("an id").to_owned())
}

#[tokio::test]
async fn a_pipeline_is_made_and_read_by_its_id_with_stages_that_the_answer_leaves_out() {
    let it = Examination::begin(options()).await;
    let (status, said) = it.post(PATH, body()).await;
    assert_eq!((status, &said["pipeline"]["name"], said["pipeline"].get("stages")), (201, &json!("Deals"), None));
    let path = format!("{PATH}/{}", said["pipeline"]["id"].as_str().expect("an id"));
    let (status, shown) = it.get(&path).await;
    let stages = &shown["pipeline"]["stages"];
    assert_eq!((status, &shown["pipeline"]["showInPieChart"]), (200, &json!(false)));
    assert_eq!((&stages[0]["name"], &stages[1]["name"]), (&json!("New"), &json!("Won")));
    assert_eq!((&stages[1]["position"], &stages[1]["stageWinProbability"]), (&json!(1), &json!(100)));
    let (_, listed) = it.get(&format!("{PATH}?locationId={LOCATION}")).await;
    assert_eq!(listed["pipelines"][3], shown["pipeline"]);
    assert_eq!(it.sandbox.contents(OTHER_LOCATION).pipelines.len(), 3, "other locations keep theirs");
    assert_eq!(it.get(&format!("{PATH}/nobody")).await.0, 404);
}

#[tokio::test]
async fn a_body_that_the_documentation_does_not_have_is_refused() {
    let it = Examination::begin(options()).await;
    let stage = |stage: Value| with("stages", json!([stage]));
    let table = [
        (json!({"locationId": LOCATION, "name": "A"}), "stages must be an array"),
        (json!({"locationId": LOCATION, "stages": [{"name": "a"}]}), "name must be a string"),
        (json!({"name": "A", "stages": [{"name": "a"}]}), "locationId must be a string"),
        (with("stages", json!([])), "stages should not be empty"),
        (with("stages", json!(["New"])), "stages.0 must be an object"),
        (with("name", json!(" ")), "name should not be empty"),
        (with("id", json!("p")), "property id should not exist"),
        (with("position", json!(0)), "property position should not exist"),
        (stage(json!({"position": 0})), "stages.0.name must be a string"),
        (stage(json!({"name": "a", "id": "s"})), "property stages.0.id should not exist"),
        (stage(json!({"name": "a", "position": 1})), "positions in stages"),
        (stage(json!({"name": "a", "stageWinProbability": "1"})), "stages.0.stageWinProbability must be a number"),
    ];
    for (body, complaint) in table {
        let (status, said) = it.post(PATH, body.clone()).await;
        let first = said["message"][0].as_str().unwrap_or_default();
        assert!(status == 422 && first.starts_with(complaint), "{body}: {said}");
    }
    let twice = with("stages", json!([{"name": "New"}, {"name": "NEW "}]));
    assert_eq!((it.post(PATH, twice).await.0, it.post(PATH, body()).await.0), (400, 201));
    assert_eq!(it.post(PATH, with("name", json!("DEALS"))).await.0, 400, "a name is taken whatever its case");
}

#[tokio::test]
async fn an_update_replaces_the_stages_and_opportunities_of_a_removed_one_move_to_the_first() {
    let it = Examination::begin(options()).await;
    let (pipeline, opportunity) = opportunities(&it).await;
    let path = format!("{PATH}/{pipeline}");
    let (_, shown) = it.get(&path).await;
    let first = shown["pipeline"]["stages"][0]["id"].clone();
    let changed = |stages: Value| json!({"name": "Deals", "stages": stages});
    let stage_of_opportunity =
        async || it.get(&format!("/opportunities/{opportunity}")).await.1["opportunity"]["pipelineStageId"].clone();

    let both = changed(
        json!([{"id": first, "name": "New"}, {"name": "Offer"}, {"id": stage_of_opportunity().await, "name": "Won"}]),
    );
    let (status, said) = it.put(&path, both).await;
    let stages = &said["pipeline"]["stages"];
    assert_eq!((status, &stages[0]["id"], &stages[2]["id"]), (200, &first, &stage_of_opportunity().await), "{said}");
    assert_eq!(stages[2].get("stageWinProbability"), None, "what a body leaves out is gone");

    let (status, said) = it.put(&path, changed(json!([{"name": "Offer"}, {"id": first, "name": "New"}]))).await;
    assert_eq!((status, &said["pipeline"]["stages"][0]["id"]), (200, &stage_of_opportunity().await));
    for (body, expected) in [
        (changed(json!([])), 422),
        (changed(json!([{"id": "elsewhere", "name": "New"}])), 400),
        (json!({"name": "Deals", "locationId": LOCATION, "stages": [{"name": "New"}]}), 422),
        (json!({"name": "sales", "stages": [{"name": "New"}]}), 400),
        (json!({"name": "Deals"}), 422),
    ] {
        assert_eq!(it.put(&path, body.clone()).await.0, expected, "{body}");
    }
}

#[tokio::test]
async fn a_deletion_takes_the_opportunities_along() {
    let it = Examination::begin(options()).await;
    let (pipeline, opportunity) = opportunities(&it).await;
    let path = format!("{PATH}/{pipeline}");
    assert_eq!(it.send(Method::DELETE, &path, json!({})).await.0, 200);
    assert_eq!((it.get(&path).await.0, it.get(&format!("/opportunities/{opportunity}")).await.0), (404, 404));
    assert_eq!(it.send(Method::DELETE, &path, json!({})).await.0, 404);
}

#[tokio::test]
async fn reads_of_pipelines_lag_behind_writes() {
    let it = Examination::begin(SandboxOptions { search_lag: Duration::from_millis(400), ..options() }).await;
    let (_, said) = it.post(PATH, body()).await;
    let path = format!("{PATH}/{}", said["pipeline"]["id"].as_str().expect("an id"));
    assert_eq!(it.get(&path).await.0, 404);
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(it.get(&path).await.0, 200);
    let again = json!({"name": "Business", "stages": [{"name": "New"}]});
    assert_eq!(it.put(&path, again).await.0, 200);
    assert_eq!(it.get(&path).await.1["pipeline"]["name"], "Deals");
}

#[tokio::test]
async fn making_and_changing_pipelines_need_scopes_of_their_own() {
    for (scope, expected) in [("pipelines.create", [401, 200, 200]), ("pipelines.write", [201, 401, 401])] {
        let missing = [(LOCATION.to_owned(), scope.to_owned())].into();
        let it = Examination::begin(SandboxOptions { missing_scopes: missing, ..options() }).await;
        let path = format!("{PATH}/pipeline-sales");
        let stages = json!({"name": "Sales", "stages": [{"id": "sales-new", "name": "New"}]});
        let created = it.post(PATH, body()).await.0;
        let changed = it.put(&path, stages).await.0;
        assert_eq!([created, changed, it.send(Method::DELETE, &path, json!({})).await.0], expected, "{scope}");
        assert_eq!(it.get(&format!("{PATH}?locationId={LOCATION}")).await.0, 200);
    }
}
