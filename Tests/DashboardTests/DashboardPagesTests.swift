import Foundation
import Testing

@testable import Dashboard

@Suite("The dashboard's pages")
struct DashboardPagesTests {
    @Test("are valid: tags match, ids are unique, fields have labels, drawings have descriptions")
    func valid() throws {
        for refusal in [nil, "You are signed in as a viewer."] {
            let pages = try DashboardSamples.pages(refusal: refusal)
            #expect(pages.count == 13)
            for page in pages {
                let checker = PageChecker(page.html, isFile: page.name == "report")
                #expect(checker.problems.isEmpty, "\(page.name): \(checker.problems)")
                #expect(page.html.contains("</html>") && !page.html.contains("{{"), "\(page.name)")
            }
        }
    }

    @Test("escape whatever names, messages and commits hold", arguments: DashboardSamples.hostile)
    func escaping(text: String) throws {
        for page in try DashboardSamples.pages(text) {
            let checker = PageChecker(page.html, isFile: page.name == "report")
            #expect(checker.problems.isEmpty, "\(page.name): \(checker.problems)")
            #expect(!page.html.contains("<script>alert"), "\(page.name)")
            #expect(!page.html.contains("<img"), "\(page.name)")
        }
    }

    @Test("load nothing from elsewhere, and have relative links only")
    func relative() throws {
        for page in try DashboardSamples.pages() where page.name != "report" {
            let checker = PageChecker(page.html)
            #expect(!checker.links.isEmpty)
            for link in checker.links { #expect(!link.contains("//") && !link.hasPrefix("/"), "\(page.name): \(link)") }
        }
    }

    @Test("a report is one file: no script, no link, no form")
    func report() throws {
        let report = try #require(try DashboardSamples.pages().first { $0.name == "report" }).html
        for tag in ["<script", "<link", "<form", "<a ", "<img", "<button"] { #expect(!report.contains(tag), "\(tag)") }
        #expect(report.contains("<style>"))
        #expect(report.contains("Evidence at the decision"))
    }

    @Test("say what is wrong, why, and what can be pressed, before anything else")
    func order() throws {
        let whole = try #require(try DashboardSamples.pages("it broke").first { $0.name == "deployment" }).html
        let page = whole[try #require(whole.range(of: "data-part=\"lead\"")).upperBound...]
        let words = ["Paused", "it broke", "What to do:", "Promote…", "Serving"].map { page.range(of: $0)?.lowerBound }
        for (first, second) in zip(words, words.dropFirst()) {
            #expect(try #require(first) < #require(second))
        }
    }

    @Test("a viewer sees the buttons disabled, with the reason")
    func viewer() throws {
        let pages = try DashboardSamples.pages(refusal: "Buttons need the role operator.")
        let page = try #require(pages.first { $0.name == "deployment" }).html
        #expect(page.contains("<button type=\"button\" disabled aria-describedby=\"act-why\">Promote…</button>"))
        #expect(page.contains("Buttons need the role operator.") && !page.contains("actions/promote"))
        let confirm = try #require(pages.first { $0.name == "promote" }).html
        #expect(!confirm.contains("action=\"promote\"") && confirm.contains("Buttons need the role operator."))
    }

    @Test("the way up from a page leads to the first one")
    func root() {
        #expect(PageFrame.root(from: "/") == "./" && PageFrame.root(from: "/login") == "./")
        #expect(PageFrame.root(from: "/deployments/a/b") == "../../")
        #expect(PageFrame.root(from: "/deployments/a/b/rollouts/c") == "../../../../")
    }
}
