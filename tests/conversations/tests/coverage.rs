//! Which requirements the dialogues show, as a table.

use std::collections::BTreeMap;

/// What can be seen over HTTP of what is implemented.
const SHOWN: &[&str] = &[
    "ID1", "ID3", "ID7", "ID8", "LC1", "LC2", "LC3", "LC4", "LC5", "LC6", "LC7", "LC8", "LC9", "LC12", "LC14", "LC15",
    "LC16", "LC17", "LC18", "CK1", "CK2", "CK4", "CK5", "CK8", "CK9", "CK10", "CK11", "CP1", "CP2", "CP3", "CP4",
    "CP5", "ST1", "ST2", "ST3", "ST7", "ST8", "ST9", "TR1", "TR2", "TR3", "TR4", "EM2", "EM7", "VA3",
];

#[test]
fn every_requirement_that_http_shows_has_a_dialogue() {
    let dialogues = conversations::dialogues();
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for dialogue in &dialogues {
        for id in &dialogue.ids {
            files.entry(id).or_default().push(dialogue.file.trim_end_matches(".txt"));
        }
    }
    for start in conversations::bad_starts() {
        files.entry(start.id).or_default().push("bad start");
    }
    for (id, files) in &files {
        println!("{id:5} {:3}  {}", files.len(), files.join(" "));
    }
    println!("{} dialogues, {} requirements", dialogues.len(), files.len());
    let missing: Vec<_> = SHOWN.iter().filter(|id| !files.contains_key(**id)).collect();
    assert!(missing.is_empty(), "no dialogue shows {missing:?}");
    assert!(dialogues.len() >= 60);
}
