import ControlPorts
import Foundation
import ModelManifests
import Mustache
import Presentation
import SafeText

/// The first page: every deployment, problems first.
package struct FleetPage: Sendable {
    var headline: String
    var headlineTone: String
    var counts: [Choice]
    var search: String
    var projects: [Choice]
    var orders: [Choice]
    var show: String
    var order: String
    var project: String?
    var isReversed: Bool
    /// Only where there is more than one project.
    var showsProject: Bool
    var rows: [Row]
    /// Nil where rows are shown.
    var empty: String?
    var pages: Pages?
    var problems: [Fact]
    var isEmptyFleet: Bool

    /// A link among several.
    struct Choice: Sendable {
        var words: String
        var value: String
        var link: String
        var isChosen: Bool
        var count: String?
    }

    struct Pages: Sendable {
        var words: String
        var before: String?
        var next: String?
    }

    package init(_ status: ControllerStatus, query: FleetQuery, now: Date) {
        let selection = FleetSelection(status.deployments, query)
        let attention = selection.attention
        let problems = Attention.allCases.filter(\.isProblem).reduce(0) { $0 + (attention[$1] ?? 0) }
        let all = attention.values.reduce(0, +)
        headline = Self.headline(attention, all: all)
        headlineTone = Self.mark(attention).rawValue
        counts = FleetQuery.Show.allCases.map { show in
            let count =
                switch show {
                case .all: all
                case .problems: problems
                case .moving: attention[.moving] ?? 0
                case .quiet: attention[.quiet] ?? 0
                }
            return Choice(
                words: show.words, value: show.rawValue, link: query.link { $0.show = show },
                isChosen: query.show == show, count: Numbers.count(count))
        }
        search = query.search
        let names = Set(status.deployments.compactMap(\.project) + status.sources.compactMap(\.project)).sorted()
        showsProject = names.count > 1
        projects =
            names.count > 1
            ? names.map { name in
                Choice(words: name, value: name, link: "", isChosen: query.project == name)
            } : []
        orders = FleetQuery.Order.allCases.filter { $0 != .project || names.count > 1 }.map { order in
            Choice(words: order.words, value: order.rawValue, link: "", isChosen: query.order == order)
        }
        show = query.show.rawValue
        order = query.order.rawValue
        project = query.project
        isReversed = query.isReversed
        rows = selection.shown.map { Row($0, now: now) }
        isEmptyFleet = status.deployments.isEmpty
        empty =
            rows.isEmpty
            ? status.deployments.isEmpty ? Self.emptyText(status.sources) : "No deployment matches this search." : nil
        pages = selection.pageCount > 1 ? Self.pages(selection, query) : nil
        self.problems = Self.problems(of: status, now: now)
    }

    private static func headline(_ attention: [Attention: Int], all: Int) -> String {
        guard all > 0 else { return "No deployments" }
        let parts = Attention.allCases.compactMap { kind -> String? in
            guard kind != .quiet, let count = attention[kind], count > 0 else { return nil }
            return "\(Numbers.count(count)) \(kind.words)"
        }
        let whole = all == 1 ? "1 deployment" : "\(Numbers.count(all)) deployments"
        return parts.isEmpty ? "\(whole), nothing needs attention" : "\(parts.joined(separator: ", ")) – of \(whole)"
    }

    private static func mark(_ attention: [Attention: Int]) -> Mark {
        Attention.allCases.first { (attention[$0] ?? 0) > 0 }?.mark ?? .plain
    }

    private static func pages(_ selection: FleetSelection, _ query: FleetQuery) -> Pages {
        Pages(
            words: "Page \(selection.page) of \(selection.pageCount), \(Numbers.count(selection.count)) deployments",
            before: selection.page > 1 ? query.link { $0.page = selection.page - 1 } : nil,
            next: selection.page < selection.pageCount ? query.link { $0.page = selection.page + 1 } : nil)
    }

    private static func emptyText(_ sources: [SourceStatus]) -> String {
        guard let source = sources.first else { return "The controller has no repository that you may see." }
        return
            "No deployments yet. Commit a ModelDeployment to \(source.repo) (\(source.referenceText)); mlctl reads it by "
            + "itself, or at once on 'mlctl sync'."
    }

    /// Repositories and clusters that cannot be read, and files with mistakes.
    private static func problems(of status: ControllerStatus, now: Date) -> [Fact] {
        let sites = status.sites.filter { !$0.reachable }.map { site in
            Fact(
                "Site \(site.name)",
                "cannot be reached since \(RelativeTime.text(site.since, now: now))"
                    + (site.reason.map { ": \($0)" } ?? "") + ". What is shown of it is its last known state.", .bad)
        }
        let sources = status.sources.flatMap { source -> [Fact] in
            let name = source.project.map { "Project \($0)" } ?? source.repo
            let error = source.error.map { Fact(name, $0, .bad) }
            let files = source.diagnostics.prefix(mostDiagnostics).map { diagnostic in
                Fact("\(name): manifest", diagnostic.description, .warning)
            }
            let more = source.diagnostics.count - files.count + (source.diagnosticsLeftOut ?? 0)
            let rest = more > 0 ? [Fact(name, "\(more) more problems in its files: mlctl status", .warning)] : []
            return [error].compactMap(\.self) + files + rest
        }
        return sites + sources
    }

    private static let mostDiagnostics = 5
}

extension FleetPage {
    /// One deployment.
    struct Row: Sendable {
        var name: String
        var namespace: String
        var projectName: String
        var link: String
        var badge: Badge
        var why: String
        /// What somebody can press, as a link to a page that says what it does.
        var remedy: Remedy?
        var stable: String
        var candidate: String?
        /// The candidate's share in percent, for a bar.
        var weight: String?
        var weightWidth: String?
        var step: String?
        var ready: String
        var readyTone: String
        var since: Moment

        struct Remedy: Sendable {
            var words: String
            var link: String
        }

        init(_ status: DeploymentStatus, now: Date) {
            name = status.name
            namespace = status.namespace
            projectName = status.project ?? "–"
            let link = "deployments/\(Escape.uriPart(status.namespace))/\(Escape.uriPart(status.name))"
            self.link = link
            badge = status.badge
            let attention = Attention(status)
            why = attention == .quiet && status.phase == .healthy ? "" : status.standing ?? status.message
            remedy =
                attention.isProblem
                ? ActionOffer.remedy(of: status).map { .init(words: $0.title, link: "\(link)/actions/\($0.verb)") }
                : nil
            stable = status.stable?.version ?? "–"
            candidate = status.candidate?.version
            weight = status.candidate.map { "\($0.weight) %" }
            weightWidth = status.candidate.map { "\(min(max($0.weight, 0), 100))" }
            step = status.step?.position
            let revisions = [status.stable, status.candidate].compactMap(\.self)
            let isShort = revisions.contains { $0.ready < $0.replicas }
            ready = revisions.isEmpty ? "–" : revisions.map { "\($0.ready)/\($0.replicas)" }.joined(separator: " + ")
            readyTone = (isShort ? Mark.warning : .plain).rawValue
            since = Moment(status.since, now: now)
        }
    }
}

/// A page has a hundred rows: these lookups take a fraction of the time of reflection.
extension FleetPage.Row: MustacheParent {
    func child(named name: String) -> Any? {
        switch name {
        case "name": self.name
        case "namespace": namespace
        case "projectName": projectName
        case "link": link
        case "badge": badge
        case "why": why
        case "remedy": remedy
        case "stable": stable
        case "candidate": candidate
        case "weight": weight
        case "weightWidth": weightWidth
        case "step": step
        case "ready": ready
        case "readyTone": readyTone
        case "since": since
        default: nil
        }
    }
}
