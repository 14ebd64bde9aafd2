import Foundation
import Mustache

/// The dashboard's pages as text: values in, HTML out. Templates escape all values; drawings escape their own texts.
///
/// # Guarantees
/// - Every text from outside (names, messages, commits) is escaped for the place that it enters.
/// - All links are relative, so the pages work behind any path prefix, and nothing is loaded from elsewhere.
/// - A page needs no script to be read. The script only fetches the same page again and replaces the parts that changed.
package struct DashboardPages: Sendable {
    private let library: MustacheLibrary

    /// - Throws: `MustacheTemplate.ParserError` if a template of this build is invalid.
    package init() throws {
        var library = MustacheLibrary()
        for (name, bytes) in Self.templates {
            try library.register(String(decoding: bytes, as: UTF8.self), named: name)
        }
        self.library = library
    }

    private static let templates: [(name: String, bytes: [UInt8])] = [
        ("layout", PackageResources.layout_mustache), ("fleet", PackageResources.fleet_mustache),
        ("rows", PackageResources.rows_mustache), ("deployment", PackageResources.deployment_mustache),
        ("gate", PackageResources.gate_mustache), ("facts", PackageResources.facts_mustache),
        ("rollout", PackageResources.rollout_mustache), ("rolloutbody", PackageResources.rolloutbody_mustache),
        ("report", PackageResources.report_mustache),
        ("confirm", PackageResources.confirm_mustache), ("logs", PackageResources.logs_mustache),
        ("login", PackageResources.login_mustache), ("message", PackageResources.message_mustache),
    ]

    package func fleet(_ page: FleetPage, in frame: PageFrame) -> String { render("fleet", page, frame) }

    package func deployment(_ page: DeploymentPage, in frame: PageFrame) -> String {
        render("deployment", page, frame)
    }

    package func rollout(_ page: RolloutPage, in frame: PageFrame) -> String { render("rollout", page, frame) }

    /// A rollout as one file without scripts and links, for a review.
    package func report(_ page: RolloutPage, in frame: PageFrame) -> String {
        library.render(
            ["frame": frame as Any, "page": page, "style": DashboardAssets.style], withTemplate: "report") ?? ""
    }

    package func confirm(_ page: ConfirmPage, in frame: PageFrame) -> String { render("confirm", page, frame) }

    package func logs(_ page: LogsPage, in frame: PageFrame) -> String { render("logs", page, frame) }

    package func login(_ page: LoginPage, in frame: PageFrame) -> String { render("login", page, frame) }

    package func message(_ page: MessagePage, in frame: PageFrame) -> String { render("message", page, frame) }

    private func render(_ template: String, _ page: Any, _ frame: PageFrame) -> String {
        library.render(["frame": frame as Any, "page": page], withTemplate: template) ?? ""
    }
}
