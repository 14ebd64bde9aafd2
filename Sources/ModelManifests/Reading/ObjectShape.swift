import Collections
import JSON

extension Shape {
    /// A mapping with declared fields; any other field is an error.
    ///
    /// - Parameters:
    ///   - initial: the object with its defaults, for fields that are not given.
    ///   - check: checks that relate several fields. It runs on the fields that could be read, and must not repeat other errors.
    static func object(
        _ initial: Value, fields: [Field<Value>], rules: [FieldRule] = [],
        check: @escaping @Sendable (inout Value, SourceNode, inout DocumentReading) -> Void = { _, _, _ in }
    ) -> Shape {
        let object = ObjectFields(fields: fields, rules: rules)
        return Shape(
            read: { node, reading in
                var value = initial
                guard object.read(node, &reading, into: &value) else { return nil }
                check(&value, node, &reading)
                return value
            }, canonical: object.canonical, schema: object.schema,
            fieldNames: fields.filter { !$0.isUnavailable }.map(\.name))
    }
}

/// The fields of an object, by name.
private struct ObjectFields<Object: Sendable>: Sendable {
    let fields: [Field<Object>]
    /// Fields are known by their places in the declaration.
    let rules: [(rule: FieldRule, fields: BitSet)]
    let required: BitSet
    let byName: [String: Int]

    init(fields: [Field<Object>], rules: [FieldRule]) {
        let byName = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.name, $0) })
        self.fields = fields
        self.byName = byName
        self.rules = rules.map { rule in (rule, BitSet(rule.names.compactMap { byName[$0] })) }
        required = BitSet(fields.indices.filter { fields[$0].isRequired })
    }

    private var availableNames: [String] { fields.filter { !$0.isUnavailable }.map(\.name) }

    /// - Returns: false where the node is not a mapping.
    func read(_ node: SourceNode, _ reading: inout DocumentReading, into object: inout Object) -> Bool {
        let entries: [SourceNode.Entry]
        switch node.content {
        case .mapping(let found): entries = found
        case .scalar where node.isNull: entries = []
        default:
            let example = availableNames.first.map { ", such as {\($0): …}" } ?? ""
            reading.report("must be a mapping of fields\(example), not \(node.shownInMessages)", at: node.place)
            return false
        }
        var given = BitSet()
        /// Fields that were probably meant by a misspelt or unavailable field.
        var meant = BitSet()
        var hasStrangers = false
        for entry in entries {
            guard let index = byName[entry.key] else {
                if let field = reportUnknown(entry, &reading) { meant.insert(field) }
                hasStrangers = true
                continue
            }
            let field = fields[index]
            guard !entry.value.isNull || field.countsWhenEmpty else { continue }
            given.insert(index)
            hasStrangers = hasStrangers || field.isUnavailable
            if let missed = field.insteadOf.flatMap({ byName[$0] }) { meant.insert(missed) }
            reading.enter(.field(field.name))
            field.read(entry.value, &reading, &object)
            reading.leave()
        }
        for index in required.subtracting(given).subtracting(meant) {
            reading.report("is missing", field: fields[index].name, of: node, suggestion: fields[index].summary)
        }
        // A misspelt field may be the one that is missing, so the rules are not checked.
        if !hasStrangers {
            for (rule, members) in rules where !rule.isKept(givenCount: members.intersection(given).count) {
                let names = rule.names.filter { name in byName[name].map(given.contains) ?? false }
                reading.report(rule.problem(given: names), at: node.place)
            }
        }
        return true
    }

    /// - Returns: the field that was probably meant.
    private func reportUnknown(_ entry: SourceNode.Entry, _ reading: inout DocumentReading) -> Int? {
        guard !reading.isFull else { return nil }
        let names = availableNames
        let nearest = DidYouMean.nearest(to: entry.key, among: names)
        var suggestion = DidYouMean.suggestion(for: entry.key, among: names, noun: "the fields here are")
        if nearest == nil, let home = fields.first(where: { $0.fieldNames.contains(entry.key) }) {
            suggestion = "did you mean '\(home.name).\(entry.key)'?"
        }
        reading.enter(.field(entry.key.shortened))
        reading.report("unknown field '\(entry.key.shortened)'", at: entry.keyPlace, suggestion: suggestion)
        reading.leave()
        return nearest.flatMap { byName[$0] }
    }

    @Sendable func canonical(_ node: SourceNode) -> JSONValue {
        guard case .mapping(let entries) = node.content else { return .object([:]) }
        var object: [String: JSONValue] = [:]
        for entry in entries {
            guard let index = byName[entry.key] else { continue }
            guard !entry.value.isNull || fields[index].countsWhenEmpty else { continue }
            object[entry.key] = fields[index].canonical(entry.value)
        }
        return .object(object)
    }

    @Sendable func schema() -> JSONValue {
        let available = fields.filter { !$0.isUnavailable }
        var schema: [String: JSONValue] = ["type": "object", "additionalProperties": false]
        schema["properties"] = .object(
            Dictionary(uniqueKeysWithValues: available.map { ($0.name, $0.schema()) }))
        let names = available.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !names.isEmpty { schema["required"] = .array(names) }
        if !rules.isEmpty { schema["allOf"] = .array(rules.map(\.rule.schema)) }
        return .object(schema)
    }
}
