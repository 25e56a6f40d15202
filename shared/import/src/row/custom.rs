//! A row's values for the location's custom fields.

use std::borrow::Cow;

use serde_json::Value;

use super::{Cells, whole};
use crate::ProblemEffect;
use crate::consent::says_opt_out;
use crate::mapping::{Custom, CustomFieldType, Target};
use crate::values::{lists, number, phone, text};

impl<'a> Cells<'a> {
    pub(super) fn custom(&mut self, country: Option<&str>) -> Vec<(Custom, Value)> {
        let mut values: Vec<(Custom, Value)> = Vec::new();
        for (index, column) in self.reader.columns.all().iter().enumerate() {
            let Target::Custom(custom) = &column.target else { continue };
            let Some(cell) = self.option(index, custom).or_else(|| self.value(index)) else { continue };
            if values.iter().any(|(known, _)| known.name() == custom.name()) {
                continue;
            }
            let read = match text::damage(&cell) {
                Some(damage) => Err(damage),
                None => self.custom_value(index, custom, &cell, country),
            };
            match read {
                Ok(Some(value)) => values.push(((**custom).clone(), value)),
                Ok(None) => {}
                Err(message) => self.tell(index, ProblemEffect::ValueLeftOut, message),
            }
        }
        values
    }

    /// A cell that matches one of the field's options exactly, even if it otherwise means empty: None, N/A.
    fn option(&self, index: usize, custom: &Custom) -> Option<Cow<'a, str>> {
        let cell = self.row.cells.get(index).filter(|_| !custom.options.is_empty())?;
        let text = text::value(cell);
        let is_option = |option: &String| option.trim().eq_ignore_ascii_case(&text);
        (text::is_null(&text) && custom.options.iter().any(is_option)).then_some(text)
    }

    fn custom_value(
        &mut self,
        index: usize,
        custom: &Custom,
        cell: &str,
        country: Option<&str>,
    ) -> Result<Option<Value>, &'static str> {
        const NO_OPTION: &str = "is none of the field's options";
        let proofs = self.reader.proofs;
        Ok(match custom.kind {
            CustomFieldType::Text => {
                whole(cell)?;
                if says_opt_out(cell) {
                    self.tell(
                        index,
                        ProblemEffect::Note,
                        "speaks of an opt-out, and is sent as a text only: map the column to `dnd`",
                    );
                }
                Some(Value::from(cell))
            }
            CustomFieldType::Number | CustomFieldType::Money => {
                Some(Value::Number(number::number(cell, proofs.decimal_marks.get(&index).copied())?))
            }
            CustomFieldType::Date => self.reader.date(index, cell, country)?.map(|day| Value::from(day.to_string())),
            CustomFieldType::Phone => {
                let phone = phone::phone(cell, country)?;
                if let Some(left) = phone.left {
                    self.tell_cut(index, left, &phone.e164);
                }
                Some(Value::from(phone.e164))
            }
            CustomFieldType::OneOption => {
                let (chosen, is_odd) = lists::options(cell, &custom.options);
                match chosen.as_slice() {
                    [one] if !is_odd => Some(Value::from(one.as_str())),
                    _ if custom.options.is_empty() => Some(Value::from(cell)),
                    _ => return Err(NO_OPTION),
                }
            }
            CustomFieldType::ManyOptions => {
                let (chosen, is_odd) = lists::options(cell, &custom.options);
                if chosen.is_empty() {
                    return Err(NO_OPTION);
                }
                if is_odd {
                    self.tell(index, ProblemEffect::ValueCut, "has something that is none of the field's options");
                }
                Some(Value::from(chosen))
            }
            CustomFieldType::Other => {
                return Err("goes into a field that a list cannot fill (a file, a signature, text boxes)");
            }
        })
    }
}
