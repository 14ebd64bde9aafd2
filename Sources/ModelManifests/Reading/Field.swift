import JSON

/// One field of an object: its name, the shape of its value, its description, and where the value is stored.
///
/// A field is declared only here: reading, "did you mean", the canonical form and the JSON Schema all follow from this
/// declaration.
struct Field<Object: Sendable>: Sendable {
    let name: String
    let summary: String
    let isRequired: Bool
    /// Whether the field counts as given without a value: true for `approval:`, false for `labels:`.
    let countsWhenEmpty: Bool
    /// The field is planned but does not exist yet: it is refused, never ignored.
    let isUnavailable: Bool
    /// A required field that does not count as missing where this planned field is given.
    let insteadOf: String?
    let fieldNames: [String]
    let read: @Sendable (SourceNode, inout DocumentReading, inout Object) -> Void
    let canonical: @Sendable (SourceNode) -> JSONValue
    let schema: @Sendable () -> JSONValue

    init<Value>(
        _ name: String, _ shape: Shape<Value>, _ summary: String, isRequired: Bool = false,
        countsWhenEmpty: Bool = false, set: @escaping @Sendable (inout Object, Value) -> Void
    ) {
        self.name = name
        self.summary = summary
        self.isRequired = isRequired
        self.countsWhenEmpty = countsWhenEmpty
        isUnavailable = false
        insteadOf = nil
        fieldNames = shape.fieldNames
        read = { node, reading, object in
            if let value = shape.read(node, &reading) { set(&object, value) }
        }
        canonical = shape.canonical
        schema = {
            var keywords: [String: JSONValue] = ["description": .string(summary)]
            if countsWhenEmpty { keywords["type"] = ["object", "null"] }
            keywords["default"] = DefaultValue.stated(in: summary, by: shape)
            return shape.schema().merging(keywords)
        }
    }

    private init(unavailable name: String, advice: String, insteadOf: String?) {
        self.name = name
        summary = ""
        isRequired = false
        countsWhenEmpty = true
        isUnavailable = true
        self.insteadOf = insteadOf
        fieldNames = []
        read = { node, reading, _ in
            reading.report("'\(name)' is not available in this version; \(advice)", at: node.place)
        }
        canonical = { _ in .null }
        schema = { false }
    }

    /// A planned field of a later version.
    static func unavailable(_ name: String, _ advice: String, insteadOf: String? = nil) -> Field {
        Field(unavailable: name, advice: advice, insteadOf: insteadOf)
    }
}

/// A rule about which fields of an object can be given together.
enum FieldRule: Hashable, Sendable {
    case exactlyOne([String])
    case atLeastOne([String])
    case atMostOne([String])

    var names: [String] {
        switch self {
        case .exactlyOne(let names), .atLeastOne(let names), .atMostOne(let names): names
        }
    }

    func isKept(givenCount: Int) -> Bool {
        switch self {
        case .exactlyOne: givenCount == 1
        case .atLeastOne: givenCount >= 1
        case .atMostOne: givenCount <= 1
        }
    }

    /// The problem where the rule is broken.
    func problem(given: [String]) -> String {
        switch self {
        case .exactlyOne(let names):
            let wanted = "needs exactly one of \(Self.shown(names))"
            return given.isEmpty ? wanted : "\(wanted), not \(Self.shown(given, joiner: "and"))"
        case .atLeastOne(let names): return "needs \(Self.shown(names))"
        case .atMostOne(let names): return "can have only one of \(Self.shown(names))"
        }
    }

    private static func shown(_ names: [String], joiner: String = "or") -> String {
        let quoted = names.map { "'\($0)'" }
        guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "" }
        return quoted.dropLast().joined(separator: ", ") + " \(joiner) \(last)"
    }

    /// The rule as JSON Schema keywords.
    var schema: JSONValue {
        func required(_ name: String) -> JSONValue { ["required": .array([.string(name)])] }
        switch self {
        case .exactlyOne(let names): return ["oneOf": .array(names.map(required))]
        case .atLeastOne(let names): return ["anyOf": .array(names.map(required))]
        case .atMostOne(let names):
            let all: JSONValue = ["required": .array(names.map { .string($0) })]
            return ["not": all]
        }
    }
}
