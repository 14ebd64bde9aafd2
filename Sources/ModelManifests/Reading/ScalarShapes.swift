import JSON

extension Shape where Value == String {
    /// Text, with or without quotes: `version: 1.10` is "1.10", never 1.1.
    static func text(atMost limit: Int = 4096, canBeEmpty: Bool = false) -> Shape {
        scalar(isNumberAllowed: true, canBeEmpty: canBeEmpty, atMost: limit)
            .schema(adding: ["type": ["string", "number"]])
    }

    /// Text. A number or a boolean without quotes is an error.
    static func string(atMost limit: Int = 4096) -> Shape {
        scalar(isNumberAllowed: false, canBeEmpty: false, atMost: limit)
    }

    private static func scalar(isNumberAllowed: Bool, canBeEmpty: Bool, atMost limit: Int) -> Shape {
        Shape(
            read: { node, reading in
                guard case .scalar(let text, let isPlain) = node.content, !node.isNull else {
                    reading.report("must be text, not \(node.shownInMessages)", at: node.place)
                    return nil
                }
                if isPlain, PlainScalar.isBool(text) || (!isNumberAllowed && PlainScalar.isNumber(text)) {
                    let kind = PlainScalar.isBool(text) ? "the boolean" : "the number"
                    reading.report(
                        "must be text, not \(kind) \(text.shortened)", at: node.place,
                        suggestion: "put it in quotes: \"\(text.shortened)\"")
                    return nil
                }
                guard canBeEmpty || !text.isEmpty else {
                    reading.report("must not be empty", at: node.place)
                    return nil
                }
                guard text.utf8.count <= limit else {
                    reading.report("is longer than \(limit) bytes", at: node.place)
                    return nil
                }
                guard !text.utf8.contains(0) else {
                    reading.report("must not contain the character NUL", at: node.place)
                    return nil
                }
                return text
            },
            canonical: { node in .string(node.text ?? "") },
            schema: {
                let schema: JSONValue = ["type": "string", "maxLength": .integer(limit)]
                return canBeEmpty ? schema : schema.merging(["minLength": 1])
            })
    }

    /// A DNS label (RFC 1123): lower-case letters, digits and '-', at most 63 characters.
    static var dnsLabel: Shape {
        string().map { text, node, reading in
            guard !NameRules.isDNSLabel(text) else { return text }
            let repaired = NameRules.repairedLabel(text)
            reading.report(
                "'\(text.shortened)' is not a DNS-1123 label: use at most 63 lower-case letters, digits and '-', "
                    + "with a letter or digit at both ends",
                at: node.place, suggestion: repaired.map { "did you mean '\($0)'?" })
            return nil
        }.schema(adding: ["pattern": .string(NameRules.dnsLabelPattern), "maxLength": 63])
    }

    /// DNS labels joined by dots.
    static var dnsSubdomain: Shape {
        string().map { text, node, reading in
            guard !NameRules.isDNSSubdomain(text) else { return text }
            reading.report(
                "'\(text.shortened)' is not a DNS-1123 name: use at most 253 lower-case letters, digits, '-' and '.', with a "
                    + "letter or digit at both ends", at: node.place,
                suggestion: NameRules.repairedLabel(text).map { "did you mean '\($0)'?" })
            return nil
        }.schema(adding: ["pattern": .string(NameRules.dnsSubdomainPattern), "maxLength": 253])
    }

    /// A host name; its first label may be `*`.
    static var hostname: Shape {
        string(atMost: 253).map { text, node, reading in
            let name = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
            guard !NameRules.isDNSSubdomain(name) else { return text }
            reading.report(
                "'\(text.shortened)' is not a host name", at: node.place,
                suggestion: "write it as models.example.com or *.example.com, without scheme and port")
            return nil
        }.schema(adding: [
            "pattern": .string("^(\\*\\.)?" + NameRules.dnsSubdomainPattern.dropFirst()), "maxLength": 253,
        ])
    }

    /// A short name for people: letters, digits, '-', '_' and '.'.
    static var shortName: Shape {
        string().map { text, node, reading in
            guard !NameRules.isShortName(text) else { return text }
            reading.report(
                "'\(text.shortened)' is not a valid name: use at most 63 letters, digits, '-', '_' and '.', with a letter or digit "
                    + "at both ends",
                at: node.place)
            return nil
        }.schema(adding: ["pattern": .string(NameRules.shortNamePattern), "maxLength": 63])
    }
}

extension Shape where Value == Int {
    static func wholeNumber(_ range: ClosedRange<Int>) -> Shape {
        Shape(
            read: { node, reading in
                guard let number = PlainScalar.integer(node) else {
                    let isQuoted = node.text.flatMap(PlainScalar.integer) != nil
                    reading.report(
                        "must be a whole number, not \(node.shownInMessages)", at: node.place,
                        suggestion: isQuoted ? "write it without quotes" : nil)
                    return nil
                }
                guard range.contains(number) else {
                    reading.report(range.problem(with: number), at: node.place)
                    return nil
                }
                return number
            },
            canonical: { node in PlainScalar.integer(node).map(JSONValue.integer) ?? .null },
            schema: {
                var schema: [String: JSONValue] = ["type": "integer", "minimum": .integer(range.lowerBound)]
                if range.upperBound < .max { schema["maximum"] = .integer(range.upperBound) }
                return .object(schema)
            })
    }
}

extension ClosedRange<Int> {
    fileprivate func problem(with number: Int) -> String {
        guard upperBound < .max else { return "must be at least \(lowerBound), not \(number)" }
        return "must be from \(lowerBound) to \(upperBound), not \(number)"
    }
}

extension Shape where Value == Double {
    /// - Parameter isOpen: the bounds themselves are not allowed.
    static func number(_ range: ClosedRange<Double>, isOpen: Bool = false) -> Shape {
        let bounds = (low: JSONValue.normal(range.lowerBound), high: JSONValue.normal(range.upperBound))
        let isBounded = range.upperBound < .greatestFiniteMagnitude
        return Shape(
            read: { node, reading in
                guard let number = PlainScalar.number(node) else {
                    reading.report(
                        "must be a number, not \(node.shownInMessages)", at: node.place,
                        suggestion: PlainScalar.numberSuggestion(node))
                    return nil
                }
                let isInside =
                    isOpen
                    ? number > range.lowerBound && number < range.upperBound : range.contains(number)
                guard isInside else {
                    let low = CanonicalJSON.text(bounds.low)
                    let high = CanonicalJSON.text(bounds.high)
                    let wanted = isBounded ? "between \(low) and \(high)" : "at least \(low)"
                    let shown = CanonicalJSON.text(.normal(number))
                    reading.report(
                        "must be \(wanted)\(isOpen ? ", but neither of them" : ""), not \(shown)", at: node.place)
                    return nil
                }
                return number
            },
            canonical: { node in PlainScalar.number(node).map(JSONValue.normal) ?? .null },
            schema: {
                var schema: [String: JSONValue] = ["type": "number"]
                if range.lowerBound > -.greatestFiniteMagnitude {
                    schema[isOpen ? "exclusiveMinimum" : "minimum"] = bounds.low
                }
                if isBounded { schema[isOpen ? "exclusiveMaximum" : "maximum"] = bounds.high }
                if case .number = bounds.low {
                    // The API server rounds bounds when it checks whole numbers: 0 would not be less than 0.01. This rule does
                    // not round.
                    let low = CanonicalJSON.text(bounds.low)
                    schema[ServerRule.keyword] = [ServerRule("self >= \(low)", "must be at least \(low)").json]
                }
                return .object(schema)
            })
    }
}

extension Shape where Value == Bool {
    static var boolean: Shape {
        Shape(
            read: { node, reading in
                if let value = PlainScalar.bool(node) { return value }
                let truths = ["yes", "on", "y", "1", "true"]
                let lies = ["no", "off", "n", "0", "false"]
                let text = node.text?.lowercased() ?? ""
                let meant = truths.contains(text) ? "true" : lies.contains(text) ? "false" : nil
                reading.report(
                    "must be true or false, not \(node.shownInMessages)", at: node.place,
                    suggestion: meant.map { "did you mean \($0), without quotes?" })
                return nil
            },
            canonical: { node in PlainScalar.bool(node).map(JSONValue.bool) ?? .null },
            schema: { ["type": "boolean"] })
    }
}

extension Shape where Value == Duration {
    static func duration(_ range: ClosedRange<Duration> = .zero...GoDuration.longest) -> Shape {
        Shape(
            read: { node, reading in
                guard let text = node.text else {
                    reading.report(
                        "must be a duration, not \(node.shownInMessages)", at: node.place,
                        suggestion: "write it as 500ms, 90s, 5m or 1h30m")
                    return nil
                }
                guard text.utf8.count <= GoDuration.limitBytes else {
                    reading.report("is longer than \(GoDuration.limitBytes) bytes", at: node.place)
                    return nil
                }
                do throws(GoDuration.Problem) {
                    let duration = try GoDuration.parse(text)
                    guard !range.contains(duration) else { return duration }
                    let bound =
                        duration < range.lowerBound
                        ? "at least \(range.lowerBound.goText)" : "at most \(range.upperBound.goText)"
                    reading.report("must be \(bound), not \(text.shortened)", at: node.place)
                } catch {
                    reading.report(error.message, at: node.place, suggestion: error.suggestion)
                }
                return nil
            },
            canonical: { node in .string(node.text ?? "") },
            schema: {
                [
                    "type": "string", "pattern": .string(GoDuration.pattern),
                    "maxLength": .integer(GoDuration.limitBytes),
                    "examples": ["30s", "5m", "1h30m"],
                ]
            }
        ).checkedByServer(
            ServerRule(
                (range.lowerBound > .zero ? "duration(self) >= duration('\(range.lowerBound.goText)') && " : "")
                    + "duration(self) <= duration('\(range.upperBound.goText)')",
                range.lowerBound > .zero
                    ? "must be from \(range.lowerBound.goText) to \(range.upperBound.goText)"
                    : "must be at most \(range.upperBound.goText)"))
    }
}

extension Shape where Value == Quantity {
    static var quantity: Shape {
        Shape<String>.text(atMost: 64).map { text, node, reading -> Quantity? in
            if let quantity = Quantity(text) { return quantity }
            reading.report(
                "'\(text.shortened)' is not a quantity", at: node.place,
                suggestion: Quantity.suggestion(for: text) ?? "write it as 500m, 2, 1.5 or 4Gi")
            return nil
        }.schema(adding: ["pattern": .string(Quantity.pattern), "maxLength": 64]).checkedByServer(
            // The pattern applies to text only.
            ServerRule("type(self) != int || self >= 0", "must not be negative"))
    }
}

extension Shape where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One case of an enumeration. Cases that later versions bring are refused with a message that says so.
    static func choice(of noun: String, available: [Value] = Array(Value.allCases)) -> Shape {
        let names = available.map(\.rawValue)
        let later = Value.allCases.map(\.rawValue).filter { !names.contains($0) }
        return Shape<String>.choice(of: noun, available: names, later: later).map { name, _, _ in Value(rawValue: name)
        }
    }
}

extension Shape where Value == String {
    /// One of some words. Words that later versions bring are refused with a message that says so.
    static func choice(of noun: String, available: [String], later: [String]) -> Shape {
        Shape(
            read: { node, reading in
                guard let text = node.text else {
                    reading.report(
                        "must be one of \(available.joined(separator: ", ")), not \(node.shownInMessages)",
                        at: node.place)
                    return nil
                }
                if available.contains(text) { return text }
                if later.contains(text) {
                    reading.report(
                        "\(noun) '\(text)' is not available in this version; use "
                            + available.joined(separator: " or "), at: node.place)
                } else {
                    reading.report(
                        "unknown \(noun) '\(text.shortened)'", at: node.place,
                        suggestion: DidYouMean.suggestion(for: text, among: available, noun: "one of"))
                }
                return nil
            },
            canonical: { node in .string(node.text ?? "") },
            schema: { ["enum": .array(available.map { .string($0) })] })
    }
}
