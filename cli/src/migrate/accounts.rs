//! Two made-up accounts: one with people and opportunities, and one that is nearly new.

use ghl_sync_model::LocationId;
use serde_json::{Value, json};

use crate::cli::{PipelinesArg, SizeArgs};
use crate::sandbox::{Sandbox, SandboxPipeline, SeedError, Unwritable};

/// A custom field created in an account.
struct SeededField {
    id: String,
    template: &'static Template,
}

/// Model, name, type, and options.
struct Template(&'static str, &'static str, &'static str, &'static [&'static str]);

const TEMPLATES: &[Template] = &[
    Template("contact", "Shoe Size", "NUMERICAL", &[]),
    Template("contact", "Shirt Size", "SINGLE_OPTIONS", &["S", "M", "L", "XL"]),
    Template("contact", "Preferred Channel", "RADIO", &["E-mail", "Phone", "SMS"]),
    Template("contact", "Interests", "MULTIPLE_OPTIONS", &["Yoga", "Crossfit", "Swimming", "Café & Çay"]),
    Template("contact", "Consent", "CHECKBOX", &["Newsletter", "Offers"]),
    Template("contact", "Member Since", "DATE", &[]),
    Template("contact", "Lifetime Value", "MONETORY", &[]),
    Template("contact", "Second Phone", "PHONE", &[]),
    Template("contact", "Notes From Sales", "LARGE_TEXT", &[]),
    Template("contact", "Referral Code", "TEXT", &[]),
    Template("opportunity", "Deal Source", "SINGLE_OPTIONS", &["Web", "Event", "Partner"]),
    Template("opportunity", "Expected Close", "DATE", &[]),
    Template("opportunity", "Discount", "NUMERICAL", &[]),
    Template("contact", "Spitzname 🙂", "TEXT", &[]),
];
/// Names and email addresses of users.
const PEOPLE: &[(&str, &str)] = &[("Ann Field", "ann@agency.example"), ("Björn Åkesson", "bjorn@agency.example")];
const FIRST_NAMES: &[&str] = &["Ada", "José", "Zoë", "李", "Olga", "Tom", "Nguyễn", "Fatima", "Ian", "Søren"];
const LAST_NAMES: &[&str] = &["Müller", "O'Neil", "García", "Sato", "Ivanova", "Smith", "van der Berg"];
const TAGS: &[&str] = &["customer", "lead", "vip", "newsletter", "großkunde"];
const STATUSES: &[&str] = &["open", "won", "lost", "abandoned"];
/// One contact in this many has neither email nor phone.
const NAMELESS: u32 = 50;
/// One contact in this many has a second email address.
const TWO_ADDRESSES: u32 = 40;
/// Time of the first contact, 2024-01-01; each later one follows after an hour.
const FIRST_DAY: u64 = 1_704_067_200_000;
const HOUR: u64 = 3_600_000;

/// Fills both accounts. The target already has some of the fields and, if requested, the pipelines.
pub(super) fn fill(
    sandbox: &Sandbox,
    source: &LocationId,
    target: &LocationId,
    size: &SizeArgs,
) -> Result<(), SeedError> {
    fill_source(sandbox, source.as_str(), size)?;
    fill_target(sandbox, target.as_str(), size)
}

fn fill_source(sandbox: &Sandbox, source: &str, size: &SizeArgs) -> Result<(), SeedError> {
    let from = sandbox.seed(source);
    from.profile("The old account", "America/Chicago", "US")?;
    let users = PEOPLE.iter().map(|(name, email)| from.user(name, email)).collect::<Result<Vec<_>, _>>()?;
    for tag in TAGS {
        from.tag(tag)?;
    }
    from.custom_value("Opening hours", "9 to 5")?;
    from.custom_value("Support phone", "+1 312 555 0100")?;
    let fields = fields(size.fields).map(|(template, name)| field(sandbox, source, template, &name));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let pipelines = pipelines_of(sandbox, source, &pipelines(size))?;
    let mut contacts = Vec::new();
    for number in 0..size.contacts {
        let additional_emails =
            (number % TWO_ADDRESSES == 7).then(|| format!("second-{number}@example.com")).into_iter().collect();
        let unwritable = Unwritable { additional_emails, ..Unwritable::default() };
        let body = contact(number, &fields, &users);
        contacts.push(from.contact(body, &unwritable, FIRST_DAY + u64::from(number) * HOUR)?);
    }
    for number in 0..size.opportunities {
        if let Some(body) = opportunity(number, &contacts, &fields, &users, &pipelines) {
            from.opportunity(body, FIRST_DAY + u64::from(number) * HOUR)?;
        }
    }
    Ok(())
}

fn fill_target(sandbox: &Sandbox, target: &str, size: &SizeArgs) -> Result<(), SeedError> {
    let to = sandbox.seed(target);
    to.profile("The new account", "America/Chicago", "US")?;
    for (name, email) in PEOPLE {
        to.user(name, email)?;
    }
    let there = if size.target_pipelines == PipelinesArg::There { pipelines(size) } else { Vec::new() };
    pipelines_of(sandbox, target, &there)?;
    // One field with the same name, and one with a nearly identical name.
    for (index, (template, name)) in fields(size.fields).enumerate().take(2) {
        let name = if index == 0 { name } else { name.to_lowercase().replace(' ', "-") };
        field(sandbox, target, template, &name)?;
    }
    Ok(())
}

/// `count` fields, cycling through the templates; later rounds are numbered.
fn fields(count: u32) -> impl Iterator<Item = (&'static Template, String)> {
    TEMPLATES.iter().cycle().zip(0..count as usize).map(|(template, index)| {
        let round = index / TEMPLATES.len();
        let name = if round == 0 { template.1.to_owned() } else { format!("{} {}", template.1, round + 1) };
        (template, name)
    })
}

fn field(sandbox: &Sandbox, location: &str, template: &'static Template, name: &str) -> Result<SeededField, SeedError> {
    let Template(model, _, data_type, options) = template;
    let mut body = json!({"name": name, "dataType": data_type, "model": model});
    if !options.is_empty() {
        body["options"] = json!(options);
    }
    Ok(SeededField { id: sandbox.seed(location).custom_field(body)?, template })
}

/// Names of pipelines and of their stages.
fn pipelines(size: &SizeArgs) -> Vec<(String, Vec<String>)> {
    let count = size.pipelines.max(1);
    (0..size.pipelines)
        .map(|number| {
            let stages = size.stages / count + u32::from(number < size.stages % count);
            let stages = (1..=stages).map(|stage| format!("Stage {stage}")).collect();
            (format!("Pipeline {}", number + 1), stages)
        })
        .collect()
}

fn pipelines_of(
    sandbox: &Sandbox,
    location: &str,
    named: &[(String, Vec<String>)],
) -> Result<Vec<SandboxPipeline>, SeedError> {
    let stages: Vec<Vec<&str>> = named.iter().map(|(_, stages)| stages.iter().map(String::as_str).collect()).collect();
    let named: Vec<(&str, &[&str])> =
        named.iter().zip(&stages).map(|((name, _), stages)| (name.as_str(), stages.as_slice())).collect();
    sandbox.seed(location).pipelines(&named)
}

fn contact(number: u32, fields: &[SeededField], users: &[String]) -> Value {
    let pick = |list: &[&'static str], by: u32| list[(number / by) as usize % list.len()];
    let mut body = json!({
        "firstName": pick(FIRST_NAMES, 1),
        "lastName": format!("{} {number}", pick(LAST_NAMES, 3)),
        "city": "Chicago",
        "state": "IL",
        "country": "US",
        "postalCode": format!("{:05}", 1000 + number % 90_000),
        "source": "web form",
        "tags": [pick(TAGS, 1), pick(TAGS, 2)],
        "customFields": values("contact", number, fields),
    });
    if !number.is_multiple_of(NAMELESS) {
        body["email"] = json!(format!("person-{number}@example.com"));
        if !number.is_multiple_of(3) {
            body["phone"] = json!(format!("+1312{:07}", 2_000_000 + number));
        }
    }
    if number.is_multiple_of(5) {
        body["assignedTo"] = json!(users[number as usize % users.len()]);
    }
    body
}

/// An opportunity, unless there is no contact or no stage for it. A contact has at most one per pipeline, as long as
/// there are enough of both.
fn opportunity(
    number: u32,
    contacts: &[String],
    fields: &[SeededField],
    users: &[String],
    pipelines: &[SandboxPipeline],
) -> Option<Value> {
    let at = number as usize;
    let (people, places) = (contacts.len().max(1), pipelines.len().max(1));
    let contact = contacts.get(at % people)?;
    let pipeline = pipelines.get((at + at / people) % places)?;
    let stage = pipeline.stages.get(at % pipeline.stages.len().max(1))?;
    Some(json!({
        "name": format!("Deal {number}"),
        "contactId": contact,
        "pipelineId": pipeline.id,
        "pipelineStageId": stage.id,
        "status": STATUSES[at % STATUSES.len()],
        "monetaryValue": 100 + number,
        "assignedTo": users[at % users.len()],
        "customFields": values("opportunity", number, fields),
    }))
}

/// A value for every third field.
fn values(model: &str, number: u32, fields: &[SeededField]) -> Vec<Value> {
    let fields = fields.iter().zip(number..).filter(|(field, turn)| field.template.0 == model && turn % 3 == 0);
    fields.map(|(field, _)| json!({"id": field.id, "field_value": value(field.template, number)})).collect()
}

fn value(Template(_, _, data_type, options): &Template, number: u32) -> Value {
    let option = |by: u32| options.get((number / by) as usize % options.len().max(1)).copied().unwrap_or_default();
    match *data_type {
        "NUMERICAL" => json!(number % 50),
        "MONETORY" => json!(f64::from(number) * 1.5),
        "DATE" => json!(format!("2025-{:02}-{:02}", 1 + number % 12, 1 + number % 28)),
        "PHONE" => json!(format!("+1312{:07}", 3_000_000 + number)),
        "CHECKBOX" | "MULTIPLE_OPTIONS" => json!([option(1)]),
        "SINGLE_OPTIONS" | "RADIO" => json!(option(2)),
        _ => json!(format!("Note {number} 📝 über „alles“")),
    }
}
