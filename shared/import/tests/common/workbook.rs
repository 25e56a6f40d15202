//! Workbooks as written by Excel and by libraries of other programs.

use std::io::Write;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// A workbook. Style `n` (from 1) uses the n-th format.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workbook {
    /// Name, state (`visible`, `hidden`), and the XML of `sheetData` and after it.
    pub(crate) sheets: Vec<(&'static str, &'static str, String, String)>,
    pub(crate) formats: Vec<&'static str>,
    /// The XML of each shared string.
    pub(crate) shared: Vec<&'static str>,
    pub(crate) counts_from_1904: bool,
}

impl Workbook {
    /// One sheet with these rows, each given as the XML of its cells.
    pub(crate) fn of(rows: &[String]) -> Workbook {
        let rows: String = rows.iter().map(|cells| format!("<row>{cells}</row>")).collect();
        Workbook { sheets: vec![("People", "visible", rows, String::new())], ..Workbook::default() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let sheets: String = (1..)
            .zip(&self.sheets)
            .map(|(n, (name, state, ..))| {
                format!("<sheet name=\"{name}\" sheetId=\"{n}\" state=\"{state}\" r:id=\"r{n}\"/>")
            })
            .collect();
        let relations: String = (1..=self.sheets.len())
            .map(|n| relation(&format!("r{n}"), "worksheet", &format!("worksheets/sheet{n}.xml")))
            .collect();
        let formats: String = (164..)
            .zip(&self.formats)
            .map(|(id, code)| format!("<numFmt numFmtId=\"{id}\" formatCode=\"{}\"/>", escape(code)))
            .collect();
        let styles: String = (164..)
            .zip(&self.formats)
            .map(|(id, _)| format!("<xf numFmtId=\"{id}\" applyNumberFormat=\"1\"/>"))
            .collect();
        let shared: String = self.shared.iter().map(|xml| format!("<si>{xml}</si>")).collect();
        let mut files = vec![
            (
                "[Content_Types].xml".to_owned(),
                "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned(),
            ),
            ("_rels/.rels".to_owned(), relations_of(&relation("r1", "officeDocument", "xl/workbook.xml"))),
            (
                "xl/workbook.xml".to_owned(),
                format!(
                    "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><workbookPr date1904=\"{}\"/><sheets>{sheets}</sheets></workbook>",
                    u8::from(self.counts_from_1904)
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels".to_owned(),
                relations_of(
                    &(relations
                        + &relation("s", "styles", "styles.xml")
                        + &relation("t", "sharedStrings", "sharedStrings.xml")),
                ),
            ),
            (
                "xl/styles.xml".to_owned(),
                format!(
                    "<styleSheet xmlns=\"{MAIN}\"><numFmts>{formats}</numFmts><cellXfs><xf numFmtId=\"0\"/>{styles}</cellXfs></styleSheet>"
                ),
            ),
            ("xl/sharedStrings.xml".to_owned(), format!("<sst xmlns=\"{MAIN}\">{shared}</sst>")),
        ];
        for (n, (.., data, after)) in (1..).zip(&self.sheets) {
            let xml = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{data}</sheetData>{after}</worksheet>");
            files.push((format!("xl/worksheets/sheet{n}.xml"), xml));
        }
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in files {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}

/// A cell with its own text.
pub(crate) fn inline(text: &str) -> String {
    format!("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>", escape(text))
}

/// A number in one of the workbook's styles.
pub(crate) fn number(value: &str, style: u32) -> String {
    format!("<c s=\"{style}\"><v>{value}</v></c>")
}

/// A cell of this type: `b`, `e`, `s`, `str`, `d`.
pub(crate) fn typed(kind: &str, value: &str) -> String {
    format!("<c t=\"{kind}\"><v>{}</v></c>", escape(value))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn relation(id: &str, kind: &str, target: &str) -> String {
    format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
}

fn relations_of(relations: &str) -> String {
    format!("<Relationships xmlns=\"{PACKAGE}\">{relations}</Relationships>")
}
