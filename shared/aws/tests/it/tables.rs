//! The tables as created.

use ghl_sync_aws::tables;

use crate::fixtures::{RECORDS, STATE, Tables};

#[tokio::test]
async fn creating_a_table_that_exists_changes_nothing() {
    let tables = Tables::new().await;
    tables::RECORDS.create(&tables.client, RECORDS).await.unwrap();
    tables::STATE.create(&tables.client, STATE).await.unwrap();
}

#[tokio::test]
async fn only_the_state_table_lets_items_expire() {
    let tables = Tables::new().await;
    for (table, expected) in [(RECORDS, None), (STATE, Some(tables::state::TTL.to_owned()))] {
        let described = tables.client.describe_time_to_live().table_name(table).send().await.unwrap();
        let ttl = described.time_to_live_description.and_then(|ttl| ttl.attribute_name);
        assert_eq!(ttl, expected, "{table}");
    }
}
