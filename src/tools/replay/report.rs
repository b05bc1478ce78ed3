//! A run as JSON, JUnit XML and an HTML page: text only; the command line writes it where it is wanted.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Outcome, Report, Verdict};

/// The whole run as JSON.
#[must_use]
pub fn json(report: &Report) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        let counts = [Verdict::Passed, Verdict::Failed, Verdict::Skipped, Verdict::Broken, Verdict::Unreachable]
            .map(|verdict| (verdict.as_str().to_owned(), json!(report.count(verdict))));
        map.insert("counts".to_owned(), Value::Object(counts.into_iter().collect()));
        map.insert("ok".to_owned(), json!(report.is_good()));
    }
    value
}

/// What differs in a case, a line each.
#[must_use]
pub fn differences(case: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    if !case.reason.is_empty() {
        lines.push(case.reason.clone());
    }
    for (at, step) in case.steps.iter().enumerate() {
        for one in &step.differences {
            let place =
                if case.steps.len() > 1 { format!("step {}, {}", at + 1, one.place) } else { one.place.clone() };
            lines.push(format!("{}: expected {}, came {} ({place})", one.what, one.expected, one.came));
            lines.push(format!("  {}", one.todo));
        }
        if let Some(kept) = step.kept.as_ref().filter(|_| !step.differences.is_empty()) {
            lines.push(format!("  octets: {}", kept.display()));
        }
    }
    lines
}

/// Expected and came of the step that decided.
#[must_use]
pub fn decided(case: &Outcome) -> (String, String) {
    match case.steps.last() {
        Some(step) => (step.expected.clone(), step.came.clone()),
        None => (String::new(), String::new()),
    }
}

/// JUnit XML, as continuous integration servers read it.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (failed, broken) =
        (report.count(Verdict::Failed), report.count(Verdict::Broken) + report.count(Verdict::Unreachable));
    let _ = writeln!(
        out,
        "<testsuites><testsuite name=\"coconnect replay\" hostname=\"{}\" timestamp=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"{broken}\" skipped=\"{}\" time=\"{}\">",
        attribute(&report.endpoint),
        attribute(&report.started),
        report.cases.len(),
        report.count(Verdict::Skipped),
        seconds(report.took_ms),
    );
    for case in &report.cases {
        let (class, name) = case.name.rsplit_once('/').unwrap_or(("replay", &case.name));
        let _ = write!(
            out,
            "<testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
            attribute(&class.replace('/', ".")),
            attribute(name),
            seconds(case.took_ms)
        );
        let lines = differences(case);
        let first = attribute(lines.first().map_or("", String::as_str));
        let all = text(&lines.join("\n"));
        let _ = match case.verdict {
            Verdict::Passed => writeln!(out, "/>"),
            Verdict::Skipped => writeln!(out, "><skipped message=\"{first}\"/></testcase>"),
            Verdict::Failed => writeln!(out, "><failure message=\"{first}\">{all}</failure></testcase>"),
            Verdict::Broken | Verdict::Unreachable => {
                writeln!(out, "><error message=\"{first}\">{all}</error></testcase>")
            }
        };
    }
    out.push_str("</testsuite></testsuites>\n");
    out
}

/// A page that stands alone.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Conformance report</title><style>\
         body{font:15px/1.45 sans-serif;margin:2em;max-width:75em}table{border-collapse:collapse;width:100%}\
         td,th{border-bottom:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}\
         .passed{color:#0a6b2d}.failed,.broken,.unreachable{color:#b00020;font-weight:bold}.skipped{color:#666}\
         pre{white-space:pre-wrap;margin:.3em 0;background:#f6f6f6;padding:.5em}</style></head><body>\n",
    );
    let _ = writeln!(
        out,
        "<h1>Conformance report</h1><p>{}, begun {}, {} s</p><p>{} passed, {} failed, {} skipped, {} broken, {} unreachable, {} not run</p>",
        text(&report.endpoint),
        text(&report.started),
        seconds(report.took_ms),
        report.count(Verdict::Passed),
        report.count(Verdict::Failed),
        report.count(Verdict::Skipped),
        report.count(Verdict::Broken),
        report.count(Verdict::Unreachable),
        report.not_run,
    );
    out.push_str("<table><tr><th>case</th><th>verdict</th><th>expected</th><th>came</th></tr>\n");
    for case in &report.cases {
        let (expected, came) = decided(case);
        let verdict = case.verdict.as_str();
        let _ = write!(
            out,
            "<tr><td><code>{}</code><br>{}{}</td><td class=\"{verdict}\">{verdict}</td><td>{}</td><td>{}",
            text(&case.name),
            text(&case.title),
            if case.clause.is_empty() { String::new() } else { format!(" <small>({})</small>", text(&case.clause)) },
            text(&expected),
            text(&came),
        );
        let lines = differences(case);
        if !lines.is_empty() {
            let _ = write!(out, "<pre>{}</pre>", text(&lines.join("\n")));
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</table></body></html>\n");
    out
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text of an XML or HTML element; what XML cannot hold becomes a question mark.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

fn attribute(value: &str) -> String {
    text(value).replace('"', "&quot;").replace('\n', "&#10;")
}

#[cfg(test)]
mod tests {
    use super::super::{Difference, StepOutcome};
    use super::*;

    fn report() -> Report {
        let difference = Difference {
            what: "code".to_owned(),
            expected: "a \"b\" <c>".to_owned(),
            came: "d & \u{1}".to_owned(),
            place: "FaultDetail/code".to_owned(),
            todo: "do".to_owned(),
        };
        let step = |differences| StepOutcome {
            operation: "send-co".to_owned(),
            expected: "fault x".to_owned(),
            came: "accepted".to_owned(),
            status: Some(200),
            reference_id: None,
            differences,
            kept: None,
        };
        let case = |name: &str, verdict, reason: &str, differences| Outcome {
            name: name.to_owned(),
            title: "t <t>".to_owned(),
            clause: "2.2".to_owned(),
            verdict,
            reason: reason.to_owned(),
            steps: vec![step(differences)],
            took_ms: 1_234,
        };
        Report {
            endpoint: "https://a.example".to_owned(),
            started: "2026-11-26T00:00:00Z".to_owned(),
            cases: vec![
                case("g/a", Verdict::Passed, "", vec![]),
                case("g/b", Verdict::Failed, "", vec![difference]),
                case("c", Verdict::Skipped, "needs an RSA key", vec![]),
                case("d", Verdict::Broken, "no file", vec![]),
            ],
            not_run: 0,
            took_ms: 5_000,
        }
    }

    #[test]
    fn junit_and_html_are_well_formed_whatever_came() {
        let junit = junit(&report());
        let document = crate::xml::parse(junit.clone().into_bytes(), &crate::xml::Options::default()).unwrap();
        let suite = document.elements(document.document_element()).next().unwrap();
        let attribute = |name: &str| document.attribute(suite, "", name).unwrap().to_owned();
        let counts = ["tests", "failures", "errors", "skipped"].map(attribute);
        assert_eq!(counts, ["4", "1", "1", "1"], "{junit}");
        assert_eq!(document.elements(suite).count(), 4);
        let html = html(&report());
        let body =
            html.strip_prefix("<!DOCTYPE html>\n").unwrap().replace("<meta charset=\"utf-8\">", "").replace("<br>", "");
        crate::xml::parse(body.into_bytes(), &crate::xml::Options::default()).unwrap();
        assert!(html.contains("t &lt;t&gt;") && !html.contains("<t>"));
    }

    #[test]
    fn json_counts_and_says_whether_all_is_well() {
        let value = json(&report());
        assert_eq!((&value["ok"], &value["counts"]["failed"]), (&json!(false), &json!(1)));
        assert_eq!(value["cases"][1]["steps"][0]["differences"][0]["place"], "FaultDetail/code");
    }

    #[test]
    fn a_run_in_which_nothing_was_shown_is_not_good() {
        let mut report = report();
        report.cases.retain(|case| case.verdict == Verdict::Skipped);
        assert!(!report.is_good(), "everything was skipped");
        report.cases = vec![Outcome { verdict: Verdict::Passed, ..report.cases[0].clone() }];
        assert!(report.is_good());
        report.not_run = 1;
        assert!(!report.is_good() && report.is_unreachable());
    }
}
