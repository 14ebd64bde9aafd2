import ControlPorts
import Dashboard
import Foundation
import ModelManifests
import Rollouts
import Testing
import TestSupport

@testable import ControlAPI

/// A real Chromium, driven by `Fixtures/Browser/browser.py` over its debugging pipe.
enum Chromium {
    static let isThere = ["/usr/bin/chromium", "/usr/bin/python3"].allSatisfy {
        FileManager.default.isExecutableFile(atPath: $0)
    }
    /// Checks pages by the rules of WCAG 2.2. `make deps-chromium` fetches it.
    static let axe = fixtures.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: ".build/axe/axe_playwright_python/axe.min.js")
    static let hasAxe = FileManager.default.fileExists(atPath: axe.path(percentEncoded: false))

    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "TestSupport/Fixtures/Browser")

    static let absence: Comment = "Chromium is missing: 'make deps-chromium' installs it"

    struct Report: Decodable {
        var results: [Value]
        /// Errors and warnings of the console, and exceptions.
        var problems: [String]
    }

    enum Value: Decodable, Equatable {
        case text(String), number(Double), flag(Bool), other

        init(from decoder: any Decoder) throws {
            let one = try decoder.singleValueContainer()
            self =
                if let flag = try? one.decode(Bool.self) {
                    .flag(flag)
                } else if let number = try? one.decode(Double.self) {
                    .number(number)
                } else if let text = try? one.decode(String.self) {
                    .text(text)
                } else {
                    .other
                }
        }
    }

    private struct Failure: Error, CustomStringConvertible { var description: String }

    static func run(_ steps: [[String: Any]], script: Bool = true) async throws -> Report {
        let place = fixtures.appending(path: "browser.py")
        let request = try JSONSerialization.data(withJSONObject: ["steps": steps, "script": script] as [String: Any])
        let process = Process()
        (process.executableURL, process.arguments) = (
            URL(filePath: "/usr/bin/python3"), [place.path(percentEncoded: false)]
        )
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: request)
        try input.fileHandleForWriting.close()
        return try await withCheckedThrowingContinuation { continuation in
            // Its answer is short, and fits into the pipe.
            process.terminationHandler = { _ in
                let text = output.fileHandleForReading.readDataToEndOfFile()
                do {
                    continuation.resume(returning: try JSONDecoder().decode(Report.self, from: text))
                } catch {
                    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                    continuation.resume(throwing: Failure(description: String(said.suffix(600))))
                }
            }
        }
    }

    static func signIn(_ url: URL, _ token: String) -> [[String: Any]] {
        [
            ["do": "goto", "url": url.absoluteString], ["do": "type", "at": "#token", "text": token],
            ["do": "click", "at": "button.primary"],
        ]
    }

    static func size(_ width: Int, _ scheme: String = "light") -> [[String: Any]] {
        [["do": "size", "width": width, "height": 800], ["do": "scheme", "value": scheme]]
    }
}

@Suite("In a real browser", .serialized, .enabled(if: Chromium.isThere, Chromium.absence))
struct ChromiumTests {
    private static let one = DashboardRoutesTests.one

    @Test("people sign in, find a deployment, read what a button does, press it and see the effect")
    func flow() async throws {
        let surface = DashboardRoutesTests.surface()
        let report = try await withServer(surface) { url async throws in
            try await Chromium.run(
                Chromium.size(1280) + [["do": "goto", "url": url.absoluteString + Self.one]]
                    + [
                        ["do": "type", "at": "#token", "text": Tokens.operator],
                        ["do": "click", "at": "button.primary"],
                    ]
                    + [
                        ["do": "eval", "js": "location.pathname"],
                        ["do": "click", "at": "a.brand"], ["do": "type", "at": "#q", "text": "fraud"],
                        ["do": "click", "at": ".search button"],
                        ["do": "eval", "js": "document.querySelectorAll('table.fleet tbody tr').length"],
                        ["do": "click", "at": "table.fleet tbody th a"],
                        ["do": "click", "at": "a[href$='actions/pause']"],
                        [
                            "do": "eval",
                            "js": "document.querySelector('.effect').textContent.startsWith('The rollout stops')",
                        ],
                        ["do": "click", "at": "form button.primary"],
                        ["do": "eval", "js": "document.querySelector('.notice').textContent"],
                        ["do": "eval", "js": "document.querySelector('h1 .badge').textContent.trim()"],
                        ["do": "eval", "js": "document.cookie"],
                        ["do": "click", "at": ".who button"], ["do": "eval", "js": "location.pathname"],
                    ])
        }
        #expect(
            report.results == [
                .text(Self.one), .number(1), .flag(true), .text("Pause: the controller has accepted it."),
                .text("▸ Paused"), .text(""),
                .text("/login"),
            ])
        #expect(report.problems.isEmpty, "\(report.problems)")
        #expect(surface.read { $0.commands.map(\.verb) } == [.pause])
    }

    @Test("pages need no script: signing in and acting work without it")
    func withoutScript() async throws {
        let surface = DashboardRoutesTests.surface()
        let report = try await withServer(surface) { url async throws in
            try await Chromium.run(
                Chromium.size(1280) + [["do": "goto", "url": url.absoluteString + "/login"]]
                    + [
                        ["do": "type", "at": "#token", "text": Tokens.operator],
                        ["do": "click", "at": "button.primary"],
                    ]
                    + [
                        ["do": "goto", "url": "\(url.absoluteString)\(Self.one)/actions/abort"],
                        ["do": "click", "at": "form button.primary"], ["do": "eval", "js": "location.pathname"],
                    ], script: false)
        }
        #expect(report.results == [.text(Self.one)] && report.problems.isEmpty, "\(report)")
        #expect(surface.read { $0.commands.map(\.verb) } == [.abort])
    }

    @Test("no page is wider than the window, from 360 px to 4K, light and dark, and none breaks its own policy")
    func widths() async throws {
        let surface = DashboardRoutesTests.surface()
        surface.read { state in
            let long = String(repeating: "very-long-name-", count: 12)
            state.status.deployments[0].message = long + " " + String(repeating: "x", count: 400)
            state.status.deployments[0].stable?.version = long
        }
        let report = try await withServer(surface) { url async throws in
            let pages = DashboardRoutesTests.pages.filter { !$0.hasSuffix("report") && !$0.hasSuffix("svg") }
            let looks = [(360, "light"), (360, "dark"), (1280, "light"), (3840, "dark")].flatMap { width, scheme in
                Chromium.size(width, scheme)
                    + pages.flatMap { page -> [[String: Any]] in
                        [
                            ["do": "goto", "url": url.absoluteString + page],
                            ["do": "eval", "js": "document.documentElement.scrollWidth - innerWidth"],
                        ]
                    }
            }
            return try await Chromium.run(Chromium.size(360) + Chromium.signIn(url, Tokens.operator) + looks)
        }
        #expect(report.results.count > 20 && report.results.allSatisfy { $0 == .number(0) }, "\(report.results)")
        #expect(report.problems.isEmpty, "\(report.problems)")
    }

    @Test("a page that is open shows an event without being loaded again, and keeps the focus and opened details")
    func live() async throws {
        let surface = DashboardRoutesTests.surface()
        let change = Task {
            for _ in 0..<2000 where surface.readers == 0 { try await Task.sleep(for: .milliseconds(5)) }
            surface.read { state in
                state.status.deployments[0].phase = .rolledBack
                state.status.deployments[0].message = "gate no-worse-errors failed"
            }
            surface.append(.rolledBack, on: Samples.key, "gate no-worse-errors failed")
        }
        let report = try await withServer(surface) { url async throws in
            try await Chromium.run(
                Chromium.size(1280) + Chromium.signIn(url, Tokens.viewer) + [
                    ["do": "goto", "url": url.absoluteString + Self.one],
                    ["do": "eval", "js": "document.getElementById('conditions').open = true; window.mark = 1"],
                    [
                        "do": "eval",
                        "js": "document.querySelector('.brand').focus(); document.getElementById('fresh').className",
                    ],
                    ["do": "wait", "for": "document.querySelector('h1 .badge').textContent.includes('RolledBack')"],
                    ["do": "eval", "js": "window.mark === 1 && document.getElementById('conditions').open"],
                    ["do": "eval", "js": "document.activeElement.className"],
                ])
        }
        try await change.value
        #expect(report.results.suffix(2) == [.flag(true), .text("brand")], "\(report.results)")
        #expect(report.problems.isEmpty, "\(report.problems)")
    }

    @Test("the keyboard reaches every control in order, beginning with the way past the navigation")
    func keyboard() async throws {
        let report = try await withServer(DashboardRoutesTests.surface()) { url async throws in
            let tab: [[String: Any]] = [
                ["do": "key", "key": "Tab"],
                [
                    "do": "eval",
                    "js":
                        "document.activeElement.className || document.activeElement.id || document.activeElement.tagName",
                ],
            ]
            return try await Chromium.run(
                Chromium.size(1280) + Chromium.signIn(url, Tokens.operator)
                    + Array(repeating: tab, count: 3).flatMap(\.self))
        }
        #expect(report.results.prefix(3) == [.text("skip"), .text("brand"), .text("quiet")], "\(report.results)")
    }

    @Test(
        "pages keep the rules of WCAG 2.2 AA that axe-core checks, wide and light, narrow and dark",
        .enabled(if: Chromium.hasAxe, "axe-core is missing: 'make deps-chromium' fetches it"))
    func accessible() async throws {
        let axe = try String(contentsOf: Chromium.axe, encoding: .utf8)
        let check =
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
            + ".then((found) => found.violations.map((one) => one.id + ' ' + one.nodes[0].html).join('; '))"
        let report = try await withServer(DashboardRoutesTests.surface()) { url async throws in
            let pages =
                DashboardRoutesTests.pages.filter { !$0.hasSuffix("report") && !$0.hasSuffix("svg") } + ["/login"]
            let looks = [(1280, "light"), (360, "dark")].flatMap { width, scheme in
                Chromium.size(width, scheme)
                    + pages.flatMap { page -> [[String: Any]] in
                        [
                            ["do": "goto", "url": url.absoluteString + page], ["do": "eval", "js": axe + "; true"],
                            ["do": "eval", "js": check],
                        ]
                    }
            }
            return try await Chromium.run(Chromium.signIn(url, Tokens.operator) + looks)
        }
        let found = report.results.filter { $0 != .flag(true) }
        #expect(found.count > 20 && found.allSatisfy { $0 == .text("") }, "\(found)")
    }
}
