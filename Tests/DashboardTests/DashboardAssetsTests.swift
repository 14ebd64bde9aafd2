import Foundation
import Rollouts
import Testing

@testable import Dashboard

@Suite("The dashboard's files")
struct DashboardAssetsTests {
    private func text(_ name: String) throws -> String {
        String(decoding: try #require(DashboardAssets.file(named: name)).bytes, as: UTF8.self)
    }

    @Test("name nothing outside, and run nothing that is not in them")
    func closed() throws {
        for name in ["dashboard.css", "dashboard.js"] {
            let text = try text(name)
            for word in [
                "http:", "https:", "//cdn", "@import", "url(", "eval(", "innerHTML", "document.write", "Function(",
            ] {
                #expect(!text.contains(word), "\(name) has \(word)")
            }
        }
        #expect(DashboardAssets.file(named: "../layout.mustache") == nil)
    }

    @Test("the script listens to every kind of event")
    func events() throws {
        let script = try text("dashboard.js")
        for kind in RolloutEvent.Kind.allCases { #expect(script.contains("\"\(kind.rawValue)\""), "\(kind)") }
    }

    @Test("texts have a contrast of at least 4.5, and edges of controls of 3, in both schemes")
    func contrast() throws {
        for (scheme, palette) in [("light", Palette.light), ("dark", Palette.dark)] {
            #expect(palette.colours.count >= 15, "\(scheme)")
            let texts = [
                ("text", ["ground", "surface", "warning-wash", "bad-wash", "good-wash", "active-wash"]),
                ("muted", ["ground", "surface", "warning-wash", "active-wash"]),
                ("accent", ["ground", "surface", "active-wash"]),
                ("good", ["surface", "good-wash"]), ("warning", ["ground", "surface", "warning-wash"]),
                ("bad", ["surface", "bad-wash"]), ("on-accent", ["accent"]),
                ("surface", ["bad", "accent", "good", "warning", "muted"]),
            ]
            for (text, grounds) in texts {
                for ground in grounds {
                    let found = try #require(
                        palette.contrast(text, ground), "\(scheme): \(text) or \(ground) is missing")
                    #expect(found >= 4.5, "\(scheme): \(text) on \(ground) has \(found)")
                }
            }
            for ground in ["ground", "surface"] {
                let edge = try #require(palette.contrast("edge", ground))
                #expect(edge >= 3, "\(scheme): edges on \(ground) have \(edge)")
            }
        }
    }

    @Test("the contrast is that of WCAG")
    func formula() throws {
        let palette = Palette(in: "/* t */ --a: #000000; --b: #ffffff; --c: #777777; --d: red; }", scheme: "t")
        #expect(abs(try #require(palette.contrast("a", "b")) - 21) < 0.01)
        #expect(abs(try #require(palette.contrast("c", "b")) - 4.48) < 0.01)
        #expect(palette.contrast("a", "d") == nil && palette.contrast("a", "x") == nil)
    }

    @Test("their version changes with them")
    func version() { #expect(DashboardAssets.version.count >= 8) }
}
