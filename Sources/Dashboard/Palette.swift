import Foundation

/// The colours, as the style sheet has them. Drawings that leave the dashboard carry them along, and a test computes their
/// contrasts.
package struct Palette: Sendable {
    /// By the names of the style sheet's variables.
    package var colours: [String: String]

    package static let light = Palette(in: DashboardAssets.style, scheme: "light")
    package static let dark = Palette(in: DashboardAssets.style, scheme: "dark")

    /// Reads the variables between `/* light */` or `/* dark */` and the end of that block.
    init(in style: String, scheme: String) {
        colours = [:]
        guard let start = style.range(of: "/* \(scheme) */") else { return }
        let block = style[start.upperBound...].prefix { $0 != "}" }
        for declaration in block.split(separator: ";") {
            let parts = declaration.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let dash = parts[0].range(of: "--") else { continue }
            colours[String(parts[0][dash.upperBound...])] = parts[1].trimmingPrefix(" ").description
        }
    }

    /// The contrast of two colours by WCAG 2.2, from 1 to 21; nil if one of them is not `#rrggbb`.
    package func contrast(_ first: String, _ second: String) -> Double? {
        guard let a = colours[first].flatMap(Self.luminance), let b = colours[second].flatMap(Self.luminance) else {
            return nil
        }
        return (max(a, b) + 0.05) / (min(a, b) + 0.05)
    }

    private static func luminance(_ colour: String) -> Double? {
        guard colour.hasPrefix("#"), colour.count == 7, let value = UInt32(colour.dropFirst(), radix: 16) else {
            return nil
        }
        func linear(_ shift: UInt32) -> Double {
            let share = Double((value >> shift) & 0xFF) / 255
            return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
    }

    /// The style of a drawing in a file of its own.
    var drawingStyle: String {
        func colour(_ name: String) -> String { colours[name] ?? "#000000" }
        let text = "font:13px system-ui,sans-serif;fill:\(colour("text"))"
        let rules = [
            "text{\(text)}", ".muted{fill:\(colour("muted"))}", ".end{text-anchor:end}", ".middle{text-anchor:middle}",
            ".grid{stroke:\(colour("line"));fill:none}", ".stable{stroke:\(colour("muted"));fill:\(colour("muted"))}",
            ".candidate{stroke:\(colour("accent"));fill:\(colour("accent"))}", ".curve{fill:none;stroke-width:2}",
            ".area{stroke:none;fill-opacity:.25}", ".limit{stroke:\(colour("text"));stroke-dasharray:4 3;fill:none}",
            ".bad{fill:\(colour("bad"));stroke:none}", ".good{fill:\(colour("good"));stroke:none}",
            ".quiet{fill:\(colour("line"));stroke:none}", ".active{fill:\(colour("accent"));stroke:none}",
            ".warning{fill:\(colour("warning"));stroke:none}", ".plate{fill:\(colour("surface"))}",
        ]
        return rules.joined()
    }
}
