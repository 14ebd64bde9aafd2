import Foundation
import SafeText

/// Which deployments the fleet page shows, and in which order. It is read from the page's address, and anything that it does not
/// know counts as not given: an old link never fails.
package struct FleetQuery: Hashable, Sendable {
    package enum Show: String, CaseIterable, Sendable {
        case all, problems, moving, quiet

        var words: String {
            switch self {
            case .all: "All"
            case .problems: "Problems"
            case .moving: "Rolling out"
            case .quiet: "Quiet"
            }
        }
    }

    package enum Order: String, CaseIterable, Sendable {
        /// Problems first.
        case attention
        case name, project, phase, traffic, ready, age

        var words: String {
            switch self {
            case .attention: "Problems first"
            case .name: "Name"
            case .project: "Project"
            case .phase: "Phase"
            case .traffic: "Candidate's traffic"
            case .ready: "Missing instances"
            case .age: "Newest change"
            }
        }
    }

    package static let pageSize = 100
    static let searchCharacters = 200
    static let lastPage = 1_000_000

    package var search = ""
    package var show = Show.all
    package var project: String?
    package var order = Order.attention
    package var isReversed = false
    /// From 1.
    package var page = 1

    package init() {}

    package init(_ parameters: [String: String]) {
        search = String((parameters["q"] ?? "").prefix(Self.searchCharacters))
        show = parameters["show"].flatMap(Show.init) ?? .all
        project = parameters["project"].flatMap { $0.isEmpty ? nil : $0 }
        order = parameters["sort"].flatMap(Order.init) ?? .attention
        isReversed = parameters["reverse"] == "1"
        page = min(max(parameters["page"].flatMap { Int($0) } ?? 1, 1), Self.lastPage)
    }

    /// The words that all must be found.
    var words: [String] { search.lowercased().split(separator: " ").map(String.init) }

    /// A link to the same page with another query: `./?show=problems`.
    func link(_ change: (inout FleetQuery) -> Void) -> String {
        var query = self
        query.page = 1
        change(&query)
        return query.address
    }

    var address: String {
        let terms = [
            search.isEmpty ? nil : ("q", search), show == .all ? nil : ("show", show.rawValue),
            project.map { ("project", $0) }, order == .attention ? nil : ("sort", order.rawValue),
            isReversed ? ("reverse", "1") : nil, page == 1 ? nil : ("page", String(page)),
        ].compactMap(\.self)
        return terms.isEmpty ? "./" : "./?" + terms.map { "\($0.0)=\(Escape.uriPart($0.1))" }.joined(separator: "&")
    }
}
