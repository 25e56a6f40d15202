//! Creating the structure that the target lacks: custom fields, custom values and tags (pipelines have a module of
//! their own). Each item is stored before the call and after it; after a call without an answer, the target is
//! searched before the item is created again.

use super::step::MigrationStep;
use super::trouble::{Continuation, Interrupted, is_passing};
use ghl_sync_engine::usecase::{DirectCalls, DirectError};
use ghl_sync_model::{
    Answer, Call, Cause, Created, GhlId, Mapped, MappedTo, NewField, PageContent, PageKind, Part, Side, Structure,
};

/// The progress is saved after this many created items.
const SHOWN: usize = 10;

/// The result of a creation.
pub(super) enum CreationResult {
    Yes(Answer),
    /// GHL refuses the item, and always will; holds the reason.
    Refused(String),
    /// GHL refuses all items of the kind.
    NotAllowed(String),
}

impl MigrationStep<'_> {
    pub(super) async fn custom_fields(&mut self) -> Result<Continuation, Interrupted> {
        self.make(Part::CustomFields).await
    }

    pub(super) async fn custom_values(&mut self) -> Result<Continuation, Interrupted> {
        self.make(Part::CustomValues).await
    }

    pub(super) async fn tags(&mut self) -> Result<Continuation, Interrupted> {
        self.make(Part::Tags).await
    }

    async fn make(&mut self, part: Part) -> Result<Continuation, Interrupted> {
        let report = self.mapping().await?;
        let mut journal = self.journal().await?;
        let wanted: Vec<&Mapped> = report.of(part).iter().filter(|mapped| is_wanted(mapped, part, &journal)).collect();
        if !wanted.is_empty() {
            let (engine, target) = (self.engine_of(Side::Target), self.migration.target.clone());
            let calls = self.calls(&engine, &target, Side::Target).await?;
            let made = self.make_all(part, &wanted, &mut journal, &calls).await;
            calls.close().await?;
            self.count_parts(&report, &journal);
            made?;
        }
        self.count_parts(&report, &journal);
        self.save().await?;
        Ok(if self.is_running() { Continuation::Advance } else { Continuation::Again })
    }

    async fn make_all(
        &mut self,
        part: Part,
        wanted: &[&Mapped],
        journal: &mut Vec<Created>,
        calls: &DirectCalls<'_>,
    ) -> Result<(), Interrupted> {
        let source = self.source_structure().await?;
        self.adopt(part, journal, &source, calls).await?;
        let mut not_allowed = None;
        for mapped in wanted {
            let MappedTo::Create { name } = &mapped.target else {
                continue;
            };
            let number = self.intend(part, mapped, name, journal).await?;
            if journal[number].id.is_some() {
                continue;
            }
            let made = match (&not_allowed, call_for(part, &mapped.source_id, name, &source)) {
                (Some(reason), _) => CreationResult::Refused(String::clone(reason)),
                (None, None) => CreationResult::Refused("the source does not have it any more".to_owned()),
                (None, Some(call)) => self.create(&call, calls).await?,
            };
            match made {
                CreationResult::Yes(answer) => {
                    journal[number].id = id_of(&answer);
                    self.migration.parts.of_mut(part).migrated += 1;
                }
                CreationResult::NotAllowed(reason) if part == Part::CustomFields => return Err(forbidden(reason)),
                CreationResult::NotAllowed(reason) => {
                    journal[number].refused = Some(reason.clone());
                    not_allowed = Some(reason);
                }
                CreationResult::Refused(reason) => journal[number].refused = Some(reason),
            }
            self.write_down(number, journal).await?;
            if (number + 1).is_multiple_of(SHOWN) {
                self.save().await?;
            }
            if !self.is_running() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Stores that an item is about to be created, unless that is already stored. Returns its index in the journal.
    pub(super) async fn intend(
        &mut self,
        part: Part,
        mapped: &Mapped,
        name: &str,
        journal: &mut Vec<Created>,
    ) -> Result<usize, Interrupted> {
        let written = journal.iter().position(|made| made.part == part && made.source_id == mapped.source_id);
        if let Some(number) = written {
            return Ok(number);
        }
        let number = journal.len();
        journal.push(Created {
            part,
            source_id: mapped.source_id.clone(),
            name: name.to_owned(),
            intended_at: self.now(),
            id: None,
            made_at: None,
            stages: std::collections::BTreeMap::new(),
            found: false,
            refused: None,
            deleted: false,
        });
        self.write_down(number, journal).await?;
        self.migration.journal = u32::try_from(journal.len()).unwrap_or(u32::MAX);
        Ok(number)
    }

    pub(super) async fn write_down(&self, number: usize, journal: &[Created]) -> Result<(), Interrupted> {
        let page = u32::try_from(number).unwrap_or(u32::MAX);
        self.put_page(PageKind::Journal, page, PageContent::Created(journal[number].clone())).await
    }

    /// Creates one item.
    pub(super) async fn create(&self, call: &Call, calls: &DirectCalls<'_>) -> Result<CreationResult, Interrupted> {
        match calls.call(call).await {
            Ok(answer) => Ok(CreationResult::Yes(answer)),
            Err(DirectError::Failed(failure)) => match failure.cause {
                Some(Cause::Forbidden) => Ok(CreationResult::NotAllowed(failure.to_string())),
                // The API lacks this item, and perhaps others of the kind.
                Some(Cause::Unsupported) => Ok(CreationResult::Refused(failure.message)),
                Some(Cause::Credentials | Cause::StaleToken | Cause::OtherLocation) => {
                    Err(Interrupted::Call { side: Side::Target, error: DirectError::Failed(failure) })
                }
                _ if is_passing(&failure) => {
                    Err(Interrupted::Call { side: Side::Target, error: DirectError::Failed(failure) })
                }
                _ => Ok(CreationResult::Refused(failure.to_string())),
            },
            Err(error) => Err(Interrupted::Call { side: Side::Target, error }),
        }
    }

    /// Searches for items that an unanswered call may have created.
    pub(super) async fn adopt(
        &self,
        part: Part,
        journal: &mut [Created],
        source: &Structure,
        calls: &DirectCalls<'_>,
    ) -> Result<(), Interrupted> {
        if !journal.iter().any(|made| made.part == part && is_unknown(made)) {
            return Ok(());
        }
        let before = self.target_structure().await?;
        let answer =
            calls.call(&list_of(part)).await.map_err(|error| Interrupted::Call { side: Side::Target, error })?;
        for number in 0..journal.len() {
            if journal[number].part == part && is_unknown(&journal[number]) {
                let found = find(&journal[number], &answer, source);
                let found = found.filter(|id| !was_there(part, id, &before) && !is_ours(id, journal));
                if found.is_some() {
                    journal[number].id = found;
                    journal[number].made_at = Some(self.now());
                    journal[number].found = true;
                    self.write_down(number, journal).await?;
                }
            }
        }
        Ok(())
    }
}

fn forbidden(message: String) -> Interrupted {
    let failure = ghl_sync_model::Failure { status: None, sent: true, cause: Some(Cause::Forbidden), message };
    Interrupted::Call { side: Side::Target, error: DirectError::Failed(failure) }
}

fn is_wanted(mapped: &Mapped, part: Part, journal: &[Created]) -> bool {
    let settled = |made: &&Created| made.part == part && made.source_id == mapped.source_id && !is_unknown(made);
    matches!(mapped.target, MappedTo::Create { .. }) && !journal.iter().any(|made| settled(&made))
}

/// Whether it is unknown if the item was created.
pub(super) fn is_unknown(made: &Created) -> bool {
    made.id.is_none() && made.refused.is_none()
}

fn is_ours(id: &GhlId, journal: &[Created]) -> bool {
    journal.iter().any(|made| made.id.as_ref() == Some(id))
}

pub(super) fn list_of(part: Part) -> Call {
    match part {
        Part::CustomFields => Call::ListCustomFields,
        Part::CustomValues => Call::ListCustomValues,
        Part::Tags => Call::ListTags,
        Part::Users => Call::ListUsers,
        Part::Pipelines | Part::Stages => Call::ListPipelines,
    }
}

fn call_for(part: Part, source_id: &GhlId, name: &str, source: &Structure) -> Option<Call> {
    match part {
        Part::CustomFields => {
            let field = source.custom_fields.iter().find(|field| field.id == *source_id)?;
            Some(Call::CreateCustomField(NewField { name: name.to_owned(), ..field.to_new() }))
        }
        Part::CustomValues => {
            let value = source.custom_values.iter().find(|value| value.id == *source_id)?;
            Some(Call::CreateCustomValue { name: name.to_owned(), value: value.value.clone() })
        }
        Part::Tags => Some(Call::CreateTag(name.to_owned())),
        Part::Users | Part::Pipelines | Part::Stages => None,
    }
}

fn id_of(answer: &Answer) -> Option<GhlId> {
    match answer {
        Answer::CustomField(field) => Some(field.id.clone()),
        Answer::CustomValue(value) => Some(value.id.clone()),
        Answer::Tag(tag) => Some(tag.id.clone()),
        Answer::Pipeline(pipeline) => Some(pipeline.id.clone()),
        _ => None,
    }
}

/// The id of the listed item that `made` may have become.
fn find(made: &Created, list: &Answer, source: &Structure) -> Option<GhlId> {
    let is_it = |name: &str| name.trim().to_lowercase() == made.name.trim().to_lowercase();
    match list {
        Answer::CustomFields(fields) => {
            let like = source.custom_fields.iter().find(|field| field.id == made.source_id)?;
            let same = |field: &&ghl_sync_model::FieldDefinition| {
                is_it(&field.name) && field.model == like.model && field.data_type == like.data_type
            };
            fields.iter().find(same).map(|field| field.id.clone())
        }
        Answer::CustomValues(values) => values.iter().find(|value| is_it(&value.name)).map(|value| value.id.clone()),
        Answer::Tags(tags) => tags.iter().find(|tag| is_it(&tag.name)).map(|tag| tag.id.clone()),
        Answer::Pipelines(pipelines) => {
            pipelines.iter().find(|pipeline| is_it(&pipeline.name)).map(|pipeline| pipeline.id.clone())
        }
        _ => None,
    }
}

fn was_there(part: Part, id: &GhlId, before: &Structure) -> bool {
    match part {
        Part::CustomFields => before.custom_fields.iter().any(|field| field.id == *id),
        Part::CustomValues => before.custom_values.iter().any(|value| value.id == *id),
        Part::Tags => before.tags.iter().any(|tag| tag.id == *id),
        Part::Users => before.users.iter().any(|user| user.id == *id),
        Part::Pipelines | Part::Stages => before.pipelines.iter().any(|pipeline| pipeline.id == *id),
    }
}
