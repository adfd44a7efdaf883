//! Styles and scripts as files of their own, compiled in: those of the reports, and ours.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::state::Shared;

/// Our own files; those of the reports are known to them.
const OWN: [(&str, &str); 12] = [
    ("workbench.css", include_str!("../assets/workbench.css")),
    ("login.js", include_str!("../assets/login.js")),
    ("send.js", include_str!("../assets/send.js")),
    ("crossed.js", include_str!("../assets/crossed.js")),
    ("fleet.js", include_str!("../assets/fleet.js")),
    ("job.js", include_str!("../assets/job.js")),
    ("traffic.js", include_str!("../assets/traffic.js")),
    ("sensors.js", include_str!("../assets/sensors.js")),
    ("images.js", include_str!("../assets/images.js")),
    ("tables.js", include_str!("../assets/tables.js")),
    ("estimate.js", include_str!("../assets/estimate.js")),
    ("editor.js", include_str!("../assets/editor.js")),
];

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let own = OWN
        .iter()
        .find(|(own, _)| *own == name)
        .map(|(_, text)| *text);
    let Some(text) = own.or_else(|| hexperiment_reports::asset(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = if std::path::Path::new(&name)
        .extension()
        .is_some_and(|e| e == "css")
    {
        "text/css; charset=utf-8"
    } else {
        "text/javascript; charset=utf-8"
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

#[cfg(test)]
mod tests {
    /// The policy allows the style that Plot gives its charts, by its hash: another version of Plot may have
    /// another one.
    #[test]
    fn plot_has_the_style_that_the_policy_allows() {
        let plot = hexperiment_reports::asset("plot.min.js").unwrap();
        let style = "text(`:where(.${c}) {\\n  --plot-background: white;\\n  display: block;\\n  height: auto;\\n  \
                     height: intrinsic;\\n  max-width: 100%;\\n}\\n:where(.${c} text),\\n:where(.${c} tspan) {\\n  \
                     white-space: pre;\\n}`)";
        assert!(plot.contains(style) && plot.contains("\"plot-d6a7b5\""));
    }
}
