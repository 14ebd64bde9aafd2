import Testing

/// Reads a page strictly, and says what is wrong with it: tags that do not match, ids that are not unique, references to ids that
/// are not there, fields without labels, drawings without descriptions, and anything that the pages' policy would refuse.
struct PageChecker {
    private(set) var problems: [String] = []
    private var ids: [String] = []
    private var references: [(name: String, id: String)] = []
    private var labelled: Set<String> = []
    private var fields: [String] = []
    private var open: [String] = []
    private(set) var links: [String] = []
    private(set) var text = ""
    private let isFile: Bool

    private static let void: Set<String> = ["meta", "link", "input", "br", "hr", "img"]

    /// - Parameter isFile: a report, which carries its style.
    init(_ page: String, isFile: Bool = false) {
        self.isFile = isFile
        guard page.hasPrefix("<!DOCTYPE html>") else {
            problems = ["it has no document type"]
            return
        }
        read(page.dropFirst("<!DOCTYPE html>".count))
        finish()
    }

    private mutating func read(_ page: Substring) {
        var rest = page
        while let start = rest.firstIndex(of: "<") {
            text += rest[..<start]
            guard let end = rest[start...].firstIndex(of: ">") else { return problems.append("a tag does not end") }
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                close(String(tag.dropFirst()))
            } else {
                start_(String(tag))
                if tag.hasPrefix("style"), let styleEnd = rest.range(of: "</style>") {
                    rest = rest[styleEnd.lowerBound...]
                }
            }
        }
        text += rest
    }

    private mutating func close(_ name: String) {
        guard open.last == name else {
            return problems.append("</\(name)> where </\(open.last ?? "nothing")> is due")
        }
        open.removeLast()
    }

    private mutating func start_(_ tag: String) {
        let isClosed = tag.hasSuffix("/")
        let body = isClosed ? String(tag.dropLast()) : tag
        let name = String(body.prefix { $0 != " " && $0 != "\n" })
        let attributes = attributes(body.dropFirst(name.count), of: name)
        check(name, attributes)
        if !isClosed, !Self.void.contains(name) { open.append(name) }
    }

    private mutating func attributes(_ text: Substring, of tag: String) -> [String: String] {
        var found: [String: String] = [:]
        var rest = text.drop { $0 == " " || $0 == "\n" }
        while !rest.isEmpty {
            let name = String(rest.prefix { $0 != "=" && $0 != " " })
            rest = rest.dropFirst(name.count)
            var value = ""
            if rest.hasPrefix("=\"") {
                rest = rest.dropFirst(2)
                value = String(rest.prefix { $0 != "\"" })
                rest = rest.dropFirst(value.count)
                if rest.hasPrefix("\"") {
                    rest = rest.dropFirst()
                } else {
                    problems.append("<\(tag) \(name)> does not end")
                }
            } else if rest.hasPrefix("=") {
                problems.append("<\(tag) \(name)> is not quoted")
                rest = rest.drop { $0 != " " }
            }
            if found.updateValue(value, forKey: name) != nil { problems.append("<\(tag)> has two \(name)") }
            rest = rest.drop { $0 == " " || $0 == "\n" }
        }
        return found
    }

    private mutating func check(_ name: String, _ attributes: [String: String]) {
        if let id = attributes["id"] { ids.append(id) }
        for reference in ["aria-labelledby", "aria-describedby"] {
            references += (attributes[reference] ?? "").split(separator: " ").map { (reference, String($0)) }
        }
        if name == "label", let id = attributes["for"] {
            references.append(("for", id))
            labelled.insert(id)
        }
        for key in attributes.keys where key.hasPrefix("on") || key == "style" && !isFile {
            problems.append("<\(name)> has \(key)")
        }
        for key in ["href", "src", "action"] {
            guard let address = attributes[key] else { continue }
            links.append(address)
            if address.contains(":") || address.hasPrefix("/") { problems.append("\(key) is not relative: \(address)") }
        }
        let isField = ["input", "select", "textarea"].contains(name) && attributes["type"] != "hidden"
        if isField, open.last != "label" { fields.append(attributes["id"] ?? "<\(name)> without id") }
        if name == "th", attributes["scope"] == nil { problems.append("<th> without scope") }
        if name == "svg", attributes["role"] != "img", attributes["aria-hidden"] != "true" {
            problems.append("a drawing without a role")
        }
        if name == "form", attributes["method"] == nil { problems.append("a form without a method") }
        if name == "iframe" || name == "object" || name == "embed" || name == "style" && !isFile {
            problems.append("<\(name)>")
        }
        if name == "script", attributes["src"] == nil || isFile { problems.append("an inline script") }
    }

    private mutating func finish() {
        if !open.isEmpty { problems.append("open at the end: \(open.joined(separator: ", "))") }
        let counts = Dictionary(ids.map { ($0, 1) }, uniquingKeysWith: +)
        for (id, count) in counts where count > 1 { problems.append("id \(id) is there \(count) times") }
        for (name, id) in references where counts[id] == nil {
            problems.append("\(name) names \(id), which is not there")
        }
        for field in fields where !labelled.contains(field) { problems.append("\(field) has no label") }
    }
}
