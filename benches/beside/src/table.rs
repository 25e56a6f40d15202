//! The table, as Markdown.

use std::fmt::Write;

use crate::cell::Cell;
use crate::contender::Contender;
use crate::row::Row;
use crate::rules::{Counting, PATIENCE};

/// First the worst row of each contender, then all rows, by scene.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = worst(rows);
    let mut scenes: Vec<(bool, Counting)> = rows.iter().map(|row| (row.cell.others, row.cell.counting)).collect();
    scenes.dedup();
    for scene in scenes {
        let rows: Vec<&Row> = rows.iter().filter(|row| (row.cell.others, row.cell.counting) == scene).collect();
        text += &of_scene(scene, &rows);
    }
    text
}

fn worst(rows: &[Row]) -> String {
    let mut text = String::from(
        "| Worst cell of each | 429 | Lost | Calls per success | Time ÷ bound, nothing lost | Most at once | Others refused |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for contender in Contender::ALL {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.cell.contender == contender).collect();
        if rows.is_empty() {
            continue;
        }
        let most = |of: &dyn Fn(&Row) -> f64| rows.iter().map(|row| of(row)).fold(0.0, f64::max);
        let complete = rows.iter().filter(|row| row.lost == 0 && !row.stopped).filter_map(|row| row.slowness());
        let slowest = complete.reduce(f64::max).map_or("–".to_owned(), |slowness| format!("{slowness:.2}"));
        let _ = writeln!(
            text,
            "| {} | {:.1} % | {} | {:.2} | {slowest} | {} | {:.1} % |",
            contender.name(),
            most(&Row::throttled_share) * 100.0,
            rows.iter().map(|row| row.lost).max().unwrap_or_default(),
            most(&|row| row.calls_per_success().unwrap_or_default()),
            rows.iter().map(|row| row.most_at_once).max().unwrap_or_default(),
            most(&Row::others_refused_share) * 100.0,
        );
    }
    text
}

fn of_scene((others, counting): (bool, Counting), rows: &[&Row]) -> String {
    let counted = match counting {
        Counting::Sliding => "Sliding windows",
        Counting::Fixed => "Fixed windows",
    };
    let (beside, column) = if others { (", another client takes a third", " Others refused |") } else { ("", "") };
    let rule = if others { "--:|" } else { "" };
    let mut text = format!(
        "\n### {counted}{beside}\n\n\
         | | Workers | Made ÷ allowed | Accepted ÷ allowed | 429 | Lost | Calls per success | Time ÷ bound | \
         Store writes a call |{column}\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|{rule}\n"
    );
    for row in rows {
        text += &line(row);
    }
    text
}

fn line(row: &Row) -> String {
    let Row { cell: Cell { contender, workers, others, .. }, .. } = row;
    let (all, pace) = row.writes_per_call();
    let writes = match row.store_writes {
        0 => "0".to_owned(),
        writes if writes == row.pace_writes => format!("{all:.2}"),
        _ => format!("{all:.2} ({pace:.2})"),
    };
    let per_success = row.calls_per_success().map_or("–".to_owned(), |calls| format!("{calls:.2}"));
    let slowness = match row.slowness() {
        _ if row.stopped => format!("> {PATIENCE}, stopped"),
        Some(slowness) => format!("{slowness:.2}"),
        None => "–".to_owned(),
    };
    let refused = if *others { format!(" {:.1} % |", row.others_refused_share() * 100.0) } else { String::new() };
    format!(
        "| {} | {workers} | {:.1} % | {:.1} % | {:.1} % | {} | {per_success} | {slowness} | {writes} |{refused}\n",
        contender.name(),
        row.made() * 100.0,
        row.used() * 100.0,
        row.throttled_share() * 100.0,
        row.lost,
    )
}
