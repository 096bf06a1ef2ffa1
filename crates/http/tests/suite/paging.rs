//! Lists in pages: complete, in order, and stable while others write.

use std::collections::BTreeSet;

use http::Method;
use strongroom_store::memory::MemoryStore;

use crate::support::Server;

/// Follows `nextLink` from a first target, doing something after each page; gives the ids.
async fn walk(
    server: &Server<MemoryStore>,
    first: &str,
    mut after_page: impl AsyncFnMut(usize),
) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut target = first.to_owned();
    loop {
        let page = server.send(&server.ask(Method::GET, &target)).await.expect(200).json();
        let values = page["value"].as_array().unwrap();
        pages.push(values.iter().map(|v| v["id"].as_str().unwrap().to_owned()).collect());
        after_page(pages.len()).await;
        let Some(next) = page["nextLink"].as_str() else { return pages };
        // The link is taken as it is: scheme, host, port and all.
        let base = format!("https://dev.vault.localhost:{}", server.endpoints.port());
        target = next.strip_prefix(&base).unwrap().to_owned();
    }
}

fn sizes(pages: &[Vec<String>]) -> Vec<usize> {
    pages.iter().map(Vec::len).collect()
}

#[tokio::test]
async fn sixty_versions() {
    let server = Server::start().await;
    let mut expected = BTreeSet::new();
    for n in 0..60 {
        let version = server.set("a", &n.to_string()).await;
        expected.insert(format!("{}/secrets/a/{version}", server.endpoints.vault("dev")));
    }
    server.set("b", "another secret's versions stay out").await;
    for (query, expected_sizes) in [
        ("", vec![25, 25, 10]),
        ("&maxresults=25", vec![25, 25, 10]),
        ("&maxresults=20", vec![20, 20, 20]),
        ("&maxresults=1", vec![1; 60]),
    ] {
        let first = format!("/secrets/a/versions?api-version=7.4{query}");
        let pages = walk(&server, &first, async |_| {}).await;
        assert_eq!(sizes(&pages), expected_sizes, "{query}");
        let ids: Vec<String> = pages.concat();
        assert!(ids.is_sorted(), "{query}");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected, "{query}");
    }
    // New versions while a client pages: nothing is lost, nothing comes twice.
    let first = "/secrets/a/versions?api-version=7.4&maxresults=7";
    let pages = walk(&server, first, async |n| drop(server.set("a", &n.to_string()).await)).await;
    let ids: Vec<String> = pages.concat();
    let distinct: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), distinct.len());
    assert!(distinct.is_superset(&expected));
}

#[tokio::test]
async fn sixty_secrets_while_others_write() {
    let server = Server::start().await;
    for n in 0..60 {
        server.set(&format!("Name-{n:02}"), "v").await;
    }
    let link = server.get("/secrets?api-version=7.4&maxresults=10").await.json();
    let link = link["nextLink"].as_str().unwrap().to_owned();
    let port = server.endpoints.port();
    let prefix = format!("https://dev.vault.localhost:{port}/secrets?api-version=7.4&$skiptoken=");
    assert!(link.starts_with(&prefix) && link.ends_with("&maxresults=10"), "{link}");
    let pages = walk(&server, "/secrets?api-version=7.4", async |_| {}).await;
    assert_eq!(sizes(&pages), [25, 25, 10]);
    assert!(pages.concat().is_sorted());

    let deleting = async |page: usize| {
        // One that was seen, and one that is to come.
        server.deleted(&format!("name-{:02}", (page - 1) * 10)).await;
        server.deleted(&format!("name-{:02}", page * 10 + 5)).await;
        server.set(&format!("name-{:02}a", page * 10 + 9), "v").await;
    };
    let mut seen = Vec::new();
    let mut target = "/secrets?api-version=7.4&maxresults=10".to_owned();
    for page in 1..=6 {
        let found = server.send(&server.ask(Method::GET, &target)).await.expect(200).json();
        let values = found["value"].as_array().unwrap();
        seen.extend(values.iter().map(|v| v["id"].as_str().unwrap().to_owned()));
        if page < 5 {
            deleting(page).await;
        }
        let Some(next) = found["nextLink"].as_str() else { break };
        target = next.split_once(&format!(":{port}")).unwrap().1.to_owned();
    }
    assert!(seen.is_sorted_by_key(|id| id.to_lowercase()), "names fold");
    let names: BTreeSet<String> =
        seen.iter().map(|id| id.rsplit('/').next().unwrap().to_lowercase()).collect();
    assert_eq!(names.len(), seen.len(), "none twice");
    for n in 0..60 {
        let removed_before = [15, 25, 35, 45].contains(&n);
        assert_eq!(names.contains(&format!("name-{n:02}")), !removed_before, "{n}");
    }

    let pages = walk(&server, "/deletedsecrets?api-version=7.4&maxresults=3", async |_| {}).await;
    assert_eq!(sizes(&pages), [3, 3, 2]);
}

#[tokio::test]
async fn a_page_whose_last_name_is_gone_goes_on_behind_it() {
    let server = Server::start().await;
    for name in ["a", "b", "c", "d"] {
        server.set(name, "v").await;
    }
    let page = server.get("/secrets?api-version=7.4&maxresults=2").await.json();
    let next = page["nextLink"].as_str().unwrap().split_once("/secrets").unwrap().1.to_owned();
    for name in ["a", "b"] {
        server.deleted(name).await;
    }
    let page = server.get(&format!("/secrets{next}")).await.expect(200).json();
    let ids: Vec<&str> =
        page["value"].as_array().unwrap().iter().map(|v| v["id"].as_str().unwrap()).collect();
    assert!(ids[0].ends_with("/c") && ids[1].ends_with("/d"), "{ids:?}");
    assert!(page["nextLink"].is_null());
}
