//! The dashboard and the alerts ask for what there is.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::store_calls::outcomes;

const DASHBOARD: &str = include_str!("../../../../docs/observability-dashboard.json");
const ALERTS: &str = include_str!("../../../../docs/observability-alerts.yaml");
const PAGE: &str = include_str!("../../../../docs/observability.md");
const EVENTS: &str = include_str!("../../../../session-core/src/base/events/event.rs");

/// What Prometheus makes of the names of our metrics and attributes.
const NAMES: [&str; 9] = [
    "session_core_events_total",
    "session_core_event_name",
    "session_core_revocation_cause",
    "session_core_store_outcome",
    "db_client_operation_duration_seconds_count",
    "db_client_operation_duration_seconds_bucket",
    "db_operation_name",
    "db_system_name",
    "error_type",
];

/// Returns all texts of a JSON value.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// Returns the values that `label` is compared with.
fn compared<'t>(text: &'t str, label: &str) -> impl Iterator<Item = &'t str> {
    let values = text.split(label).skip(1).filter_map(|after| {
        let after = ["=~\"", "!~\"", "=\"", "!=\""].iter().find_map(|operator| after.strip_prefix(operator))?;
        Some(after.split('"').next().unwrap())
    });
    values.flat_map(|values| values.split('|')).filter(|value| !value.is_empty())
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_what_there_is_lc13() {
    let dashboard = strings(&serde_json::from_str(DASHBOARD).unwrap()).join("\n");
    let events: Vec<&str> = EVENTS.lines().filter_map(|line| line.strip_prefix("/// | `")?.split('`').next()).collect();
    assert!(events.len() > 30);
    for text in [&*dashboard, ALERTS] {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let ours = words.filter(|word| ["session_core_", "db_", "error_"].iter().any(|ours| word.starts_with(ours)));
        let ours: BTreeSet<&str> = ours.collect();
        assert!(ours.len() > 5 && ours.iter().all(|word| NAMES.contains(word)), "{ours:?}");
        let named: Vec<&str> = compared(text, "session_core_event_name").collect();
        assert!(named.len() > 5 && named.iter().all(|name| events.contains(name)), "{named:?}");
        let asked: Vec<&str> = compared(text, "session_core_store_outcome").collect();
        assert!(asked.len() > 2 && asked.iter().all(|name| outcomes().contains(name)), "{asked:?}");
    }
}

/// The page has every outcome, every alert, and nothing of a name that is not there.
#[test]
fn the_page_names_what_there_is_lc13() {
    for outcome in outcomes() {
        assert!(PAGE.contains(&format!("`{outcome}`")), "{outcome}");
    }
    for alert in ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(PAGE.contains(&format!("| `{alert}` |")), "{alert}");
    }
}
