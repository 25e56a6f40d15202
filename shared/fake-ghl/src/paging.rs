//! Lists that are read in pages with `limit`, `page`, `startAfter` and `startAfterId`.

use serde_json::{Value, json};

use super::answer::SandboxAnswer;
use super::request::SandboxRequest;

/// The requested page and sort order.
#[derive(Debug)]
pub(crate) struct Paging {
    limit: usize,
    page: usize,
    after: Option<(u64, Option<String>)>,
    descending: bool,
}

/// A page, and GHL's `meta` for it.
#[derive(Debug)]
pub(crate) struct ResultPage<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) meta: Value,
}

/// A row's sort position: a time in milliseconds, and the id.
pub(crate) type Place<'a> = (u64, &'a str);

impl Paging {
    pub(crate) fn of(request: &SandboxRequest, descending: bool) -> Result<Paging, SandboxAnswer> {
        let after_time = number(request, "startAfter")?;
        let after_id = request.query("startAfterId").map(str::to_owned);
        let limit = number(request, "limit")?.unwrap_or(20);
        if limit == 0 || limit > 100 {
            return Err(SandboxAnswer::bad_request("limit must be between 1 and 100"));
        }
        let page = number(request, "page")?.unwrap_or(1).max(1);
        let as_usize = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let after = after_time.map(|time| (time, after_id));
        Ok(Paging { limit: as_usize(limit), page: as_usize(page), after, descending })
    }

    /// Sorts `rows` by their position and cuts out the page.
    pub(crate) fn cut<T>(
        &self,
        request: &SandboxRequest,
        mut rows: Vec<T>,
        place: impl Fn(&T) -> Place<'_>,
    ) -> ResultPage<T> {
        let total = rows.len();
        rows.sort_unstable_by(|a, b| if self.descending { place(b).cmp(&place(a)) } else { place(a).cmp(&place(b)) });
        rows.retain(|row| self.is_after_cursor(place(row)));
        let skipped = if self.after.is_some() { 0 } else { (self.page - 1).saturating_mul(self.limit) };
        let has_next = rows.len() > skipped.saturating_add(self.limit);
        let rows: Vec<T> = rows.into_iter().skip(skipped).take(self.limit).collect();

        let last = rows.last().map(place);
        let next_url = last.filter(|_| has_next).map(|(time, id)| {
            format!("http://localhost:5066{}?limit={}&startAfter={time}&startAfterId={id}", request.path, self.limit)
        });
        let meta = json!({
            "total": total,
            "nextPageUrl": next_url,
            "startAfterId": last.map(|(_, id)| id),
            "startAfter": last.map(|(time, _)| time),
            "currentPage": self.page,
            "nextPage": has_next.then_some(self.page + 1),
            "prevPage": self.page.checked_sub(1).filter(|page| *page > 0),
        });
        ResultPage { rows, meta }
    }

    fn is_after_cursor(&self, (time, id): Place<'_>) -> bool {
        match &self.after {
            None => true,
            Some((after, None)) if self.descending => time < *after,
            Some((after, None)) => time > *after,
            Some((after, Some(after_id))) if self.descending => (time, id) < (*after, after_id.as_str()),
            Some((after, Some(after_id))) => (time, id) > (*after, after_id.as_str()),
        }
    }
}

/// An optional query parameter that must be a number.
pub(crate) fn number(request: &SandboxRequest, name: &str) -> Result<Option<u64>, SandboxAnswer> {
    let parse = |text: &str| {
        text.parse().map_err(|_| {
            SandboxAnswer::unprocessable([format!("{name} must be a number conforming to the specified constraints")])
        })
    };
    request.query(name).map(parse).transpose()
}
