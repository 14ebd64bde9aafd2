/// A place in a JSON document: `outputs[0].data[0]`. Empty: the document itself.
package struct JSONPath: Hashable, Codable, Sendable {
    package enum Step: Hashable, Codable, Sendable {
        case member(String)
        case element(Int)
    }

    package var steps: [Step]

    package init(steps: [Step]) { self.steps = steps }

    /// - Returns: nil for what is no path.
    package init?(_ text: String) {
        steps = []
        var rest = Substring(text)
        if rest.hasPrefix("$") { rest = rest.dropFirst() }
        while let first = rest.first {
            if first == "[" {
                guard let end = rest.firstIndex(of: "]"),
                    let index = Int(rest[rest.index(after: rest.startIndex)..<end]),
                    index >= 0
                else { return nil }
                steps.append(.element(index))
                rest = rest[rest.index(after: end)...]
            } else {
                if first == "." { rest = rest.dropFirst() } else if !steps.isEmpty { return nil }
                let name = rest.prefix { $0 != "." && $0 != "[" }
                guard !name.isEmpty, !name.contains("]") else { return nil }
                steps.append(.member(String(name)))
                rest = rest[name.endIndex...]
            }
        }
    }

    package var text: String {
        steps.reduce(into: "") { text, step in
            switch step {
            // A name that begins like the sign for the document is not taken for it.
            case .member(let name): text += (text.isEmpty ? name.hasPrefix("$") ? "$." : "" : ".") + name
            case .element(let index): text += "[\(index)]"
            }
        }
    }
}
