import Foundation
import Testing

/// The vocabulary of `docs/GLOSSARY.md`.
@Suite("The glossary")
struct GlossaryTests {
    private static let text = try? String(
        contentsOf: HouseTests.root.appending(path: "docs/GLOSSARY.md"), encoding: .utf8)

    /// The first cells of a section's table, without its head.
    private static func firstCells(ofSection heading: String) throws -> [String] {
        let text = try #require(text)
        let section = try #require(text.components(separatedBy: "\n## ").first { $0.hasPrefix(heading) })
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("|") && !$0.hasPrefix("|---") }
        return rows.dropFirst().compactMap {
            $0.split(separator: "|").first?.trimmingCharacters(in: .whitespaces)
        }
    }

    @Test("each term is defined once")
    func unique() throws {
        var seen: Set<String> = []
        for heading in [
            "What users write", "Versions and instances", "Rollouts", "Evidence", "Control",
        ] {
            let terms = try Self.firstCells(ofSection: heading)
            #expect(!terms.isEmpty, "\(heading) has no terms")
            for term in terms { #expect(seen.insert(term).inserted, "\(term) is defined twice") }
        }
    }

    @Test("the sources do not use its forbidden words")
    func forbidden() throws {
        let words = try Self.firstCells(ofSection: "Words that mlctl does not use")
        #expect(words.count > 5)
        let modules = try FileManager.default.contentsOfDirectory(
            atPath: HouseTests.root.appending(path: "Sources").path(percentEncoded: false))
        for module in modules {
            for file in try HouseTests.sources(of: module) {
                let text = file.text.lowercased()
                for word in words {
                    let isUsed = text.ranges(of: word).contains { range in
                        let before =
                            range.lowerBound == text.startIndex ? " " : text[text.index(before: range.lowerBound)]
                        let after = range.upperBound == text.endIndex ? " " : text[range.upperBound]
                        return !before.isLetter && !after.isLetter
                    }
                    #expect(!isUsed, "\(file.path) says '\(word)': docs/GLOSSARY.md says what to write")
                }
            }
        }
    }
}
