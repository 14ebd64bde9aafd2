import Foundation
import SafeText

/// An SVG drawing, built from shapes. Texts are escaped, and numbers have at most one decimal.
///
/// It has a title and a description for those who cannot see it; the pages have a table with the same numbers beside it. Colours
/// are classes of the style sheet, because the pages allow no styles of their own.
struct Drawing {
    let width: Double
    let height: Double
    private var body = ""

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    // MARK: Shapes

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
        add("line", "x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\"", style)
    }

    /// - Parameter hint: a text that a browser shows over the shape.
    mutating func box(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String, round: Double = 2,
        hint: String? = nil
    ) {
        let place =
            "x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(max(width, 0)))\" height=\"\(n(height))\" rx=\"\(n(round))\""
        add("rect", place, style, hint: hint)
    }

    mutating func dot(_ x: Double, _ y: Double, _ radius: Double, _ style: String, hint: String? = nil) {
        add("circle", "cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\"", style, hint: hint)
    }

    mutating func curve(_ points: [(x: Double, y: Double)], _ style: String) {
        guard points.count > 1 else { return }
        add("polyline", "points=\"\(list(points))\"", style)
    }

    mutating func area(_ points: [(x: Double, y: Double)], downTo y: Double, _ style: String) {
        guard let first = points.first, let last = points.last, points.count > 1 else { return }
        add("polygon", "points=\"\(list([(first.x, y)] + points + [(last.x, y)]))\"", style)
    }

    mutating func text(_ x: Double, _ y: Double, _ text: String, _ style: String = "") {
        body += "<text x=\"\(n(x))\" y=\"\(n(y))\"\(attribute(style))>\(Escape.xml(text))</text>"
    }

    private mutating func add(_ name: String, _ place: String, _ style: String, hint: String? = nil) {
        let content = hint.map { "><title>\(Escape.xml($0))</title></\(name)>" } ?? "/>"
        body += "<\(name) \(place)\(attribute(style))\(content)"
    }

    private func attribute(_ style: String) -> String { style.isEmpty ? "" : " class=\"\(Escape.xml(style))\"" }

    private func list(_ points: [(x: Double, y: Double)]) -> String {
        points.map { "\(n($0.x)),\(n($0.y))" }.joined(separator: " ")
    }

    private func n(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e6 else { return "0" }
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }

    // MARK: The whole

    /// The drawing as part of a page.
    /// - Parameter id: of the page's elements, so that its title and description have ids of their own.
    func embedded(id: String, title: String, description: String) -> String {
        let names = "aria-labelledby=\"\(Escape.xml(id))-t \(Escape.xml(id))-d\""
        return "<svg viewBox=\"0 0 \(n(width)) \(n(height))\" role=\"img\" \(names)>"
            + "<title id=\"\(Escape.xml(id))-t\">\(Escape.xml(title))</title>"
            + "<desc id=\"\(Escape.xml(id))-d\">\(Escape.xml(description))</desc>\(body)</svg>"
    }

    /// The drawing as a file of its own, with its colours.
    func file(title: String, description: String) -> String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            + "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(n(width)) \(n(height))\" "
            + "width=\"\(n(width))\" height=\"\(n(height))\">"
            + "<title>\(Escape.xml(title))</title><desc>\(Escape.xml(description))</desc>"
            + "<style>\(DashboardAssets.drawingStyle)</style>"
            + "<rect class=\"plate\" width=\"\(n(width))\" height=\"\(n(height))\"/>\(body)</svg>\n"
    }
}

/// A drawing on a page: one form for wide windows, one for narrow ones, so that texts keep their size.
package struct Figure: Sendable {
    /// Unescaped in templates: only `Drawing` makes it.
    package var wide: String
    package var narrow: String

    init(id: String, title: String, description: String, wide: Drawing, narrow: Drawing) {
        self.wide = wide.embedded(id: "\(id)-w", title: title, description: description)
        self.narrow = narrow.embedded(id: "\(id)-n", title: title, description: description)
    }
}
