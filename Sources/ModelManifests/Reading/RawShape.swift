import JSON

extension Shape where Value == JSONValue {
    /// A mapping that is passed on unchanged.
    ///
    /// - Parameter check: reports what is wrong with it.
    static func raw(_ check: @escaping @Sendable (SourceNode, inout DocumentReading) -> Void) -> Shape {
        Shape(
            read: { node, reading in
                guard case .mapping = node.content else {
                    reading.report("must be a mapping, not \(node.shownInMessages)", at: node.place)
                    return nil
                }
                check(node, &reading)
                return node.json
            },
            canonical: { $0.json }, schema: { ["type": "object", "additionalProperties": true] })
    }
}

/// A mapping within a raw object.
struct RawMapping {
    private let node: SourceNode

    /// - Returns: nil where the node is not a mapping.
    init?(_ node: SourceNode) {
        guard case .mapping = node.content else { return nil }
        self.node = node
    }

    /// A mapping that may only have these fields. Reports other fields, and a node that is not a mapping.
    init?(_ node: SourceNode, fields: [String], _ noun: String, _ reading: inout DocumentReading) {
        guard case .mapping(let entries) = node.content else {
            reading.report("must be a mapping, not \(node.shownInMessages)", at: node.place)
            return nil
        }
        for entry in entries where !fields.contains(entry.key) {
            reading.enter(.field(entry.key.shortened))
            reading.report(
                "unknown field '\(entry.key.shortened)' of \(noun)", at: entry.keyPlace,
                suggestion: DidYouMean.suggestion(for: entry.key, among: fields, noun: "the fields here are"))
            reading.leave()
        }
        self.node = node
    }

    /// Calls `look` with the value of a field, if it is given.
    func read(
        _ field: String, _ reading: inout DocumentReading, _ look: (SourceNode, inout DocumentReading) -> Void
    ) {
        guard let value = node[field], !value.isNull else { return }
        reading.enter(.field(field))
        look(value, &reading)
        reading.leave()
    }
}

extension SourceNode {
    /// The value as JSON: a scalar without quotes may be a number, a boolean or null.
    var json: JSONValue {
        switch content {
        case .sequence(let items): .array(items.map(\.json))
        case .mapping(let entries):
            .object(Dictionary(entries.map { ($0.key, $0.value.json) }) { first, _ in first })
        case .scalar(let text, _):
            if isNull {
                .null
            } else if let truth = PlainScalar.bool(self) {
                .bool(truth)
            } else if let whole = PlainScalar.integer(self) {
                .integer(whole)
            } else if let number = PlainScalar.number(self) {
                .normal(number)
            } else {
                .string(text)
            }
        }
    }
}
