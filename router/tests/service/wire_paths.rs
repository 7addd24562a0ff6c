//! Unusual paths in raw requests: dots, escapes, slashes, punctuation.

use waylay_router::{Mount, PathCleaning, PathForm, Policy, Route, Router, Scope, TrailingSlash};

use crate::wire::{CONTROL, DOTS, ESCAPE, UTF8, builder, paths, show, targets};

/// Traefik CVE-2025-32431 and CVE-2026-48020, Envoy CVE-2019-9901: the route that is checked is the route
/// that is served.
#[tokio::test]
async fn dot_segments() {
    targets(
        paths(&["/public/{*rest}", "/admin", "/{page}", "/"]),
        &[
            (b"/public/../admin", DOTS),
            (b"/public/./x", DOTS),
            (b"/public/%2e%2e/admin", DOTS),
            (b"/public/%2E./admin", DOTS),
            (b"/public/.%2e/admin", DOTS),
            (b"/public/..", DOTS),
            (b"/..", DOTS),
            (b"/.", DOTS),
            (b"/%2e", DOTS),
            (b"//..//", DOTS),
            // An encoded separator makes no segment, here or later.
            (b"/public/..%2fadmin", "200 /public/{*rest} rest=../admin"),
            (b"/public/..%5cadmin", "200 /public/{*rest} rest=..\\admin"),
            (b"/public/..;/admin", "200 /public/{*rest} rest=..;/admin"),
            (b"/public/.../x", "200 /public/{*rest} rest=.../x"),
            (b"/public/%252e%252e/admin", "200 /public/{*rest} rest=%2e%2e/admin"),
            (b"/.well-known", "200 /{page} page=.well-known"),
            (b"http://h/public/../admin", DOTS),
            (b"/admin?to=/../x", "200 /admin"),
        ],
    )
    .await;
    let by = |cleaning| {
        let policy = Policy::default().path_cleaning(cleaning);
        let route = Route::get("/{*rest}").to(show);
        builder().policy(policy).route(route).build().unwrap()
    };
    let asked: [&[u8]; 4] = [b"/a/../b?q", b"/a/%2e%2e/b", b"/a/b/%2E", b"/x/..%2fb"];
    let row = |expected: [&'static str; 4]| asked.into_iter().zip(expected).collect::<Vec<_>>();
    targets(by(PathCleaning::Redirect), &row(["301 /b?q", "301 /b", "301 /a/b", "200 /{*rest} rest=x/../b"]))
        .await;
    let kept = ["200 /{*rest} rest=a/../b", "200 /{*rest} rest=a/../b", "200 /{*rest} rest=a/b/."];
    targets(by(PathCleaning::Keep), &row([kept[0], kept[1], kept[2], "200 /{*rest} rest=x/../b"])).await;
}

/// Envoy CVE-2021-29492, Traefik CVE-2025-47952 and CVE-2025-66490: an escaped character separates nothing.
#[tokio::test]
async fn escaped_separators() {
    targets(
        paths(&["/a/b", "/f/{name}", "/{a}/{b}/{c}", "/t/{*rest}"]),
        &[
            (b"/a%2Fb", "404"),
            (b"/a%2fb", "404"),
            (b"/f/x%2Fy", "200 /f/{name} name=x/y"),
            (b"/f/x%2fy", "200 /f/{name} name=x/y"),
            (b"/f/x%5Cy", "200 /f/{name} name=x\\y"),
            (b"/f/x\\y", "200 /f/{name} name=x\\y"),
            (b"/f/x%3By", "200 /f/{name} name=x;y"),
            (b"/f/x%3Fy", "200 /f/{name} name=x?y"),
            (b"/f/x%23y", "200 /f/{name} name=x#y"),
            (b"/f/x%25y", "200 /f/{name} name=x%y"),
            (b"/f/%2F", "200 /f/{name} name=/"),
            (b"/1%2F2/3/4", "200 /{a}/{b}/{c} a=1/2 b=3 c=4"),
            (b"/t/%2F/x%2f", "200 /t/{*rest} rest=//x/"),
            // Escaped text is equal to the template's literal text.
            (b"/%61/%62", "200 /a/b"),
            (b"/%66/x", "200 /f/{name} name=x"),
        ],
    )
    .await;
    // Control characters, escaped by us and raw, which hyper itself rejects.
    targets(
        paths(&["/{*rest}"]),
        &[
            (b"/%00", CONTROL),
            (b"/a%0d%0aset-cookie:x", CONTROL),
            (b"/%09", CONTROL),
            (b"/%1f", CONTROL),
            (b"/%7F", CONTROL),
            (b"/a%0a", CONTROL),
            (b"/%C2%80", "200 /{*rest} rest=\u{80}"),
            (b"/a\x00b", "hyper 400"),
            (b"/a\x01b", "hyper 400"),
            (b"/a\x7fb", "hyper 400"),
            (b"/a\tb", "hyper 400"),
        ],
    )
    .await;
}

/// Traefik CVE-2026-40912, Hono CVE-2026-47676: a prefix ends where the matcher says, in raw segments.
#[tokio::test]
async fn prefixes_end_with_segments() {
    let router = builder()
        .scope(
            Scope::new()
                .prefix("/{tenant}/api")
                .route(Route::get("/{*rest}").to(show))
                .route(Route::get("").to(show)),
        )
        .route(Route::prefix("/caf\u{e9} x").to(show))
        .build()
        .unwrap();
    targets(
        router,
        &[
            (b"/%61%2f/api/x", "200 /{tenant}/api/{*rest} tenant=a/ rest=x"),
            (b"/%E2%82%AC/%61pi/x%2Fy", "200 /{tenant}/api/{*rest} tenant=\u{20ac} rest=x/y"),
            (b"/a/api", "200 /{tenant}/api tenant=a"),
            (b"/a/apis/x", "404"),
            (b"/a/api%2Fx", "404"),
            (b"/a%2Fapi/x", "404"),
            (b"/caf%c3%a9%20x/y", "200 /caf\u{e9} x/\u{2026}"),
            (b"/caf\xc3\xa9%20x", "200 /caf\u{e9} x/\u{2026}"),
            (b"/caf%C3%A9%20xx", "404"),
        ],
    )
    .await;
}

/// The same with the prefix removed: the inner service sees raw segments, and a whole path.
#[tokio::test]
async fn mounts_remove_whole_segments() {
    let inner = |policy: Policy| {
        let seen = async |mount: Mount, uri: http::Uri| {
            format!("{uri} of {} for {}", mount.original_uri(), mount.matched().get("tenant").unwrap())
        };
        let inner = Router::builder().policy(policy).fallback(seen).build().unwrap();
        builder().policy(policy).route(Route::prefix("/{tenant}/api").mount(inner)).build().unwrap()
    };
    targets(
        inner(Policy::default()),
        &[
            (b"/a/api/x?q", "200 /x?q of /a/api/x?q for a"),
            (b"/a/api", "200 / of /a/api for a"),
            (b"/a/api/", "200 / of /a/api/ for a"),
            (b"/a/api?q", "200 /?q of /a/api?q for a"),
            (b"/%61%2f/api/x%2Fy", "200 /x%2Fy of /%61%2f/api/x%2Fy for a/"),
            (b"/%E2%82%AC/%61pi/%61", "200 /%61 of /%E2%82%AC/%61pi/%61 for \u{20ac}"),
            (b"http://h/a/api/x", "200 http://h/x of http://h/a/api/x for a"),
            (b"/a/api//evil.com", "200 //evil.com of /a/api//evil.com for a"),
            (b"/a/apis/x", "404"),
            (b"/a%2Fapi/x", "404"),
            (b"/a/api%2Fx", "404"),
            (b"/a/api/../admin", DOTS),
            (b"/a/api/%2e%2e/admin", DOTS),
            (b"/a/api/%zz", ESCAPE),
        ],
    )
    .await;
    // If an escaped slash separates, it is counted too; gorilla/mux leaves such cases to the user.
    targets(
        inner(Policy::default().path(PathForm::Decoded)),
        &[
            (b"/a%2Fapi/x", "200 /x of /a%2Fapi/x for a"),
            (b"/a/api%2fx", "200 /%2fx of /a/api%2fx for a"),
            (b"/a/api/x%2Fy", "200 /x%2Fy of /a/api/x%2Fy for a"),
            (b"/a/api%2F..%2Fx", DOTS),
        ],
    )
    .await;
}

/// A value is decoded once, when it is read.
#[tokio::test]
async fn decoded_once() {
    targets(
        paths(&["/{name}", "/n/{n:[0-9]+}"]),
        &[
            (b"/%252F", "200 /{name} name=%2F"),
            (b"/%25252F", "200 /{name} name=%252F"),
            (b"/%2500", "200 /{name} name=%00"),
            (b"/%252e%252e", "200 /{name} name=%2e%2e"),
            (b"/a+b", "200 /{name} name=a+b"),
            (b"/a%2Bb", "200 /{name} name=a+b"),
            (b"/n/%31%32", "200 /n/{n:[0-9]+} n=12"),
            (b"/n/%2531", "404"),
        ],
    )
    .await;
}

/// Invalid escapes are rejected; text that is not UTF-8 is never changed.
#[tokio::test]
async fn invalid_escapes_and_invalid_utf8() {
    targets(
        paths(&["/{name}", "/w/{w:.+}", "/x/{a}-{b}", "/y/caf\u{e9}"]),
        &[
            (b"/%zz", ESCAPE),
            (b"/%", ESCAPE),
            (b"/%4", ESCAPE),
            (b"/a%2", ESCAPE),
            (b"/%%41", ESCAPE),
            (b"/%u0041", ESCAPE),
            (b"/%\xc3\xa9", ESCAPE),
            (b"/x?q=%zz", "200 /{name} name=x"),
            (b"/%FF", "200 /{name} name=!%FF"),
            (b"/%c3%28", "200 /{name} name=!%C3%28"),
            (b"/%C0%AF", "200 /{name} name=!%C0%AF"),
            (b"/%ED%A0%80", "200 /{name} name=!%ED%A0%80"),
            // A constraint matches text, and this is not text.
            (b"/w/%FF", "404"),
            (b"/w/%C3%A9", "200 /w/{w:.+} w=\u{e9}"),
            (b"/x/%FF-1", "200 /x/{a}-{b} a=!%FF b=1"),
            // Raw and escaped text are equal.
            (b"/caf\xc3\xa9", "200 /{name} name=caf\u{e9}"),
            (b"/y/caf\xc3\xa9", "200 /y/caf\u{e9}"),
            (b"/y/caf%c3%A9", "200 /y/caf\u{e9}"),
            (b"/y/cafe%CC%81", "404"),
            (b"/a\xffb", "hyper 400"),
            (b"/a\xc3(", "hyper 400"),
        ],
    )
    .await;
}

/// axum #1122 and the open redirects of `//evil`: no `Location` leads to another host.
#[tokio::test]
async fn doubled_slashes() {
    targets(
        paths(&["/", "/a/b", "/{x}/{y}", "/t/{*rest}"]),
        &[
            (b"//", "404"),
            (b"//a/b", "404"),
            (b"/a//b", "404"),
            (b"/a/b/", "404"),
            (b"/a/b//", "404"),
            (b"///", "404"),
            (b"/t//x", "200 /t/{*rest} rest=/x"),
            (b"/t/", "404"),
            (b"/t//", "200 /t/{*rest} rest=/"),
        ],
    )
    .await;
    let slash = builder()
        .policy(Policy::default().trailing_slash(TrailingSlash::Redirect))
        .route(Route::get("/").to(show))
        .route(Route::get("/{x}/").to(show))
        .route(Route::get("/t/{*rest}").to(show))
        .route(Route::prefix("/p/{x}/").to(show))
        .build()
        .unwrap();
    targets(
        slash,
        &[
            (b"/evil.com", "308 /evil.com/"),
            (b"//evil.com", "404"),
            (b"//evil.com/", "404"),
            (b"/%2Fevil.com", "308 /%2Fevil.com/"),
            (b"/%2fevil.com?a=//b#c", "308 /%2Fevil.com/?a=//b"),
            (b"/\\evil.com", "308 /%5Cevil.com/"),
            (b"/%5cevil.com", "308 /%5Cevil.com/"),
            (b"/a%0d%0ab", CONTROL),
            (b"/caf\xc3\xa9", "308 /caf%C3%A9/"),
            (b"http://evil.com/x", "308 /x/"),
            (b"/t//evil.com", "200 /t/{*rest} rest=/evil.com"),
        ],
    )
    .await;
    let gorilla = builder()
        .policy(Policy::gorilla().trailing_slash(TrailingSlash::Redirect))
        .route(Route::get("/{x}/").to(show))
        .build()
        .unwrap();
    targets(
        gorilla,
        &[
            (b"//evil.com", "301 /evil.com"),
            (b"//evil.com/%2e%2e/..", "301 /"),
            (b"/%2f/evil.com", "301 /evil.com"),
            (b"/\\evil.com/", "200 /{x}/ x=\\evil.com"),
            (b"/%5Cevil.com", "301 /%5Cevil.com/"),
            (b"/evil.com", "301 /evil.com/"),
            (b"http://h//evil.com/..", "301 /"),
        ],
    )
    .await;
    // A variable that has captured the slash: no redirect to the same path.
    let own = builder()
        .policy(Policy::gorilla().trailing_slash(TrailingSlash::Redirect))
        .route(Route::get("/{x:.*}").to(show))
        .build()
        .unwrap();
    targets(own, &[(b"/", "200 /{x:.*} x="), (b"/a", "200 /{x:.*} x=a"), (b"/a/", "301 /a")]).await;
    let kept = builder()
        .policy(Policy::gorilla().trailing_slash(TrailingSlash::Redirect).path_cleaning(PathCleaning::Keep))
        .route(Route::get("//{x}/").to(show))
        .route(Route::get("/{x:.*}/").to(show))
        .build()
        .unwrap();
    // gorilla/mux redirects the first one to `//evil.com/`.
    targets(kept, &[(b"//evil.com", "301 /evil.com/"), (b"///evil.com", "301 /evil.com/")]).await;
    // Browsers read a backslash as a slash.
    for (form, cleaning) in [
        (PathForm::Canonical, PathCleaning::Redirect),
        (PathForm::Decoded, PathCleaning::Redirect),
        (PathForm::Raw, PathCleaning::Redirect),
        (PathForm::Raw, PathCleaning::Keep),
    ] {
        let policy = Policy::default().path(form).path_cleaning(cleaning);
        let policy = policy.trailing_slash(TrailingSlash::Redirect);
        let inner = Router::builder().policy(policy).route(Route::get("/{x}/").to(show)).build().unwrap();
        let router = builder()
            .policy(policy)
            .route(Route::get("/{x}/").to(show))
            .route(Route::prefix("/{t}/in").mount(inner))
            .build()
            .unwrap();
        targets(
            router,
            &[
                (b"/\\evil.com", "308 /%5Cevil.com/"),
                (b"/\\evil.com?a=\\", "308 /%5Cevil.com/?a=\\"),
                (b"/\\evil.com/in/x", "308 /%5Cevil.com/in/x/"),
                (b"/\\\\evil.com/in/\\x", "308 /%5C%5Cevil.com/in/%5Cx/"),
            ],
        )
        .await;
    }
}

/// Envoy CVE-2021-32779: a fragment has no effect.
#[tokio::test]
async fn fragments() {
    targets(
        paths(&["/a", "/q/{x}"]),
        &[
            (b"/a#b", "200 /a"),
            (b"/a#/../b", "200 /a"),
            (b"/a#?x", "200 /a"),
            (b"/q/x#y", "200 /q/{x} x=x"),
            (b"/q/x?#y", "200 /q/{x} x=x"),
            (b"/q/#y", "404"),
            (b"#a", "hyper 400"),
        ],
    )
    .await;
}

/// The Tomcat and Shiro class: `;`, `\` and similar characters are text, and so is a file extension (Beego
/// CVE-2022-31259).
#[tokio::test]
async fn punctuation_is_text() {
    targets(
        paths(&["/admin", "/{x}", "/v;1/{x}", "/a{{b}}|\"c"]),
        &[
            (b"/admin;x=1", "200 /{x} x=admin;x=1"),
            (b"/admin;", "200 /{x} x=admin;"),
            (b"/admin%3bx", "200 /{x} x=admin;x"),
            (b"/admin\\", "200 /{x} x=admin\\"),
            (b"/admin.json", "200 /{x} x=admin.json"),
            (b"/admin%20", "200 /{x} x=admin "),
            (b"/v;1/a", "200 /v;1/{x} x=a"),
            // A segment of text alone is compared decoded.
            (b"/v%3B1/a", "200 /v;1/{x} x=a"),
            (b"/a{b}|\"c", "200 /a{{b}}|\"c"),
            (b"/a%7Bb%7d%7c%22c", "200 /a{{b}}|\"c"),
            (b"/a<b", "hyper 400"),
            (b"/a>b", "hyper 400"),
            (b"/a^b", "200 /{x} x=a^b"),
            (b"/a`b", "hyper 400"),
            (b"/a b", "hyper 400"),
        ],
    )
    .await;
}

/// The forms of gorilla/mux: the decoded path, in which an escaped slash is a slash, and the raw one.
#[tokio::test]
async fn decoded_and_raw_paths() {
    let by = |path| {
        let policy = Policy::default().path(path);
        let routes = ["/a/b", "/{x}/{y}", "/{x}"];
        routes.iter().fold(builder().policy(policy), |b, t| b.route(Route::get(*t).to(show))).build().unwrap()
    };
    targets(
        by(PathForm::Decoded),
        &[
            (b"/a%2Fb", "200 /a/b"),
            (b"/%61/b", "200 /a/b"),
            (b"/%2541/%2e", DOTS),
            (b"/%2541", "200 /{x} x=%41"),
            (b"/a%2f..", DOTS),
            (b"/%zz", ESCAPE),
            (b"/%FF", UTF8),
        ],
    )
    .await;
    targets(
        by(PathForm::Raw),
        &[
            (b"/a%2Fb", "200 /{x} x=a%2Fb"),
            (b"/%61/b", "200 /{x}/{y} x=%61 y=b"),
            (b"/a/..", DOTS),
            (b"/%2e%2e", "200 /{x} x=%2e%2e"),
            (b"/%zz", "200 /{x} x=%zz"),
        ],
    )
    .await;
}

/// A router mounted under a prefix redirects within that prefix.
#[tokio::test]
async fn redirects_within_mounts() {
    let policy =
        Policy::default().trailing_slash(TrailingSlash::Redirect).path_cleaning(PathCleaning::Redirect);
    let inner = Router::builder().policy(policy).route(Route::get("/x/").to(show)).build().unwrap();
    let keep = Policy::default().path_cleaning(PathCleaning::Keep);
    // Without a removed prefix, two leading slashes would be another host.
    let root = builder().policy(keep).route(Route::prefix("/").mount(inner.clone())).build().unwrap();
    targets(root, &[(b"/x", "308 /x/"), (b"//x/", "301 /x/"), (b"/./x/", "301 /x/")]).await;
    // axum's own prefixes, around our mounts and inside.
    #[cfg(feature = "axum")]
    {
        let nested = axum::Router::new().nest_service("/n", inner.clone());
        let mounted =
            builder().policy(keep).route(Route::prefix("/m").mount(nested.clone())).build().unwrap();
        let mount = builder().policy(keep).route(Route::prefix("/m").mount(inner.clone())).build().unwrap();
        let around = axum::Router::new().nest_service("/o", mount).nest_service("/n", inner.clone());
        let around = builder().policy(keep).fallback_service(around).build().unwrap();
        targets(mounted, &[(b"/m/n/x?q", "308 /m/n/x/?q"), (b"/m/n/./x/", "301 /m/n/x/")]).await;
        targets(around, &[(b"/n/x?q", "308 /n/x/?q"), (b"/o/m/x", "308 /o/m/x/"), (b"/n\\/x", "404")]).await;
    }
    let route = Route::prefix("/{tenant}/api").mount(inner);
    let outer = builder().policy(keep).route(route).build().unwrap();
    targets(outer, &[(b"/a/api/x?q", "308 /a/api/x/?q"), (b"/a/api/./x/", "301 /a/api/x/")]).await;
}
