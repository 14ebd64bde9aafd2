import ControlPorts
import Foundation
import Testing

@testable import Dashboard

@Suite("The fleet page")
struct FleetPageTests {
    private typealias Samples = DashboardSamples

    private func names(_ change: (inout FleetQuery) -> Void = { _ in }) -> [String] {
        var query = FleetQuery()
        change(&query)
        return FleetPage(Samples.fleet, query: query, now: Samples.now).rows.map(\.name)
    }

    @Test("problems come first, and what is quiet last")
    func problemsFirst() {
        #expect(names() == ["down", "approval", "left", "moving", "quiet"])
        #expect(names { $0.isReversed = true }.first == "quiet")
    }

    @Test("it says in one line how many deployments need what")
    func headline() {
        let page = FleetPage(Samples.fleet, query: FleetQuery(), now: Samples.now)
        #expect(page.headline == "1 failing, 1 waiting for a person, 1 rolled back, 1 rolling out – of 5 deployments")
        #expect(page.counts.map(\.count) == ["5", "3", "1", "1"])
        #expect(page.problems.map(\.label) == ["Site prod", "Project default", "Project default: manifest"])
        let calm = ControllerStatus(deployments: [Samples.status("a", .healthy)])
        #expect(
            FleetPage(calm, query: FleetQuery(), now: Samples.now).headline == "1 deployment, nothing needs attention")
    }

    @Test("it is filtered, searched and sorted by its address")
    func selecting() {
        #expect(names { $0.show = .problems } == ["down", "approval", "left"])
        #expect(names { $0.show = .moving } == ["moving"])
        #expect(names { $0.search = "GATE errors" } == ["left"])
        #expect(names { $0.search = "1f0c2ab9 paused" } == ["approval"])
        #expect(names { $0.search = "nothing-like-this" } == [])
        #expect(names { $0.order = .name } == ["approval", "down", "left", "moving", "quiet"])
        #expect(names { $0.order = .traffic }.prefix(2) == ["moving", "approval"])
        #expect(names { $0.project = "other" } == [])
    }

    @Test("the row of a problem has the button that helps; it leads to a page, not to an effect")
    func remedy() throws {
        let page = FleetPage(Samples.fleet, query: FleetQuery(), now: Samples.now)
        let row = try #require(page.rows.first { $0.name == "approval" })
        #expect(row.remedy?.words == "Promote" && row.remedy?.link == "deployments/payments/approval/actions/promote")
        #expect(page.rows.first { $0.name == "quiet" }?.remedy == nil)
    }

    @Test("a row tells its template everything that it has")
    func lookups() throws {
        let row = try #require(FleetPage(Samples.fleet, query: FleetQuery(), now: Samples.now).rows.first)
        for child in Mirror(reflecting: row).children {
            let label = try #require(child.label)
            let isNil =
                Mirror(reflecting: child.value).displayStyle == .optional
                && Mirror(reflecting: child.value).children.isEmpty
            #expect(row.child(named: label) != nil || isNil, "\(label)")
        }
        #expect(row.child(named: "page") == nil)
    }

    @Test("of ten thousand deployments it shows a hundred at a time, each of them once")
    func pages() throws {
        let many = ControllerStatus(
            deployments: (0..<10_000).map { Samples.status("m-\($0)", $0 % 100 == 0 ? .failed : .healthy) })
        var query = FleetQuery()
        var seen: Set<String> = []
        for number in [1, 2, 50, 100] {
            query.page = number
            let page = FleetPage(many, query: query, now: Samples.now)
            #expect(page.rows.count == 100 && seen.isDisjoint(with: page.rows.map(\.name)))
            seen.formUnion(page.rows.map(\.name))
            #expect((page.pages?.before == nil) == (number == 1) && (page.pages?.next == nil) == (number == 100))
        }
        query.page = 1
        #expect(FleetPage(many, query: query, now: Samples.now).rows.allSatisfy { $0.badge.words == "Failed" })
        query.page = 7000
        #expect(FleetPage(many, query: query, now: Samples.now).pages?.words.hasPrefix("Page 100 of 100") == true)
    }
}

@Suite("What the fleet page's address says")
struct FleetQueryTests {
    @Test("is read back from its own links")
    func roundTrip() {
        var query = FleetQuery()
        (query.search, query.show, query.project) = ("a&b=c d+%/\"<é", .problems, "risk")
        (query.order, query.isReversed, query.page) = (.age, true, 3)
        let address = query.address
        #expect(address.hasPrefix("./?q=") && !address.contains("\"") && !address.contains("<"))
        let terms = address.dropFirst(3).split(separator: "&").map { $0.split(separator: "=").map(String.init) }
        let parameters = Dictionary(uniqueKeysWithValues: terms.map { ($0[0], $0[1].removingPercentEncoding ?? "") })
        #expect(FleetQuery(parameters) == query)
        #expect(FleetQuery().address == "./")
    }

    @Test("counts as not given where it is unknown")
    func unknown() {
        let query = FleetQuery([
            "show": "x", "sort": "<", "page": "-3", "project": "", "reverse": "yes",
            "q": String(repeating: "x", count: 999),
        ])
        #expect(query.show == .all && query.order == .attention && query.page == 1 && query.project == nil)
        #expect(!query.isReversed && query.search.count == FleetQuery.searchCharacters)
        #expect(FleetQuery(["page": "99999999999999999999"]).page == 1)
    }
}

@Suite("How much a deployment needs a person")
struct AttentionTests {
    private typealias Samples = DashboardSamples

    @Test("a deployment that cannot be seen is not shown as healthy")
    func unseen() {
        var status = Samples.status("a", .healthy)
        status.lastSeenAt = Samples.now
        #expect(Attention(status) == .unseen && status.badge.tone == "warning")
        #expect(status.badge.words == "Healthy when last seen")
    }

    @Test("what is not fully available is failing, whatever its rollout does")
    func unavailable() {
        var status = Samples.status("a", .progressing, weight: 5)
        status.conditions = [Condition(type: "Available", status: "False", reason: "r", message: "m")]
        #expect(Attention(status) == .failing && status.badge.tone == "bad")
    }

    @Test("a deployment whose files are missing is a problem, though it tries again by itself")
    func blocked() {
        var status = Samples.status("a", .preparing, waiting: WaitStatus(cause: "files", remedy: "'mlctl retry'"))
        (status.stable, status.candidate) = (nil, nil)
        #expect(Attention(status) == .blocked && Attention(status).isProblem)
        status.phase = .idle
        #expect(Attention(status) == .blocked)
        status.waiting = nil
        #expect(Attention(status) == .quiet)
    }

    @Test("each state has a sign of its own beside its colour")
    func signs() {
        let marks: [Mark] = [.good, .active, .warning, .bad, .faint]
        #expect(Set(marks.map(\.sign)).count == marks.count)
    }
}
