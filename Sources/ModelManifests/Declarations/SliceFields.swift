/// The fields of `spec.rollout.slices`.
enum SliceFields {
    static let slices = Shape<[WrittenSlice]>.list(slice, count: 0...TrafficSlice.countLimit).map {
        slices, node, reading -> [TrafficSlice]? in
        reading.reportRepeated(slices.map(\.name), in: node, noun: "slices are named")
        let values = slices.compactMap(\.slice).reduce(0) { $0 + $1.valueCount - 1 }
        if values > TrafficSlice.valueLimit {
            reading.report(
                "have \(values) values together; there must be at most \(TrafficSlice.valueLimit)", at: node.place,
                suggestion: "write a smaller 'top', or list fewer values: each takes evidence from the others")
        }
        return slices.compactMap(\.slice)
    }.checkedByServer(
        ServerRule(
            "self.all(s, self.exists_one(t, t.name == s.name))", "two slices have one name"),
        ServerRule(
            "self.map(s, has(s.top) ? s.top : has(s.values) ? size(s.values) : 0).sum() <= \(TrafficSlice.valueLimit)",
            "slices have over \(TrafficSlice.valueLimit) values together"))

    /// A slice as written. Its fields are optional, so that the others are checked where one is wrong.
    struct WrittenSlice: Sendable {
        var name = ""
        var key: TrafficSlice.Key?
        var values: TrafficSlice.Values?

        var slice: TrafficSlice? {
            guard !name.isEmpty, let key, let values else { return nil }
            return TrafficSlice(name: name, key: key, values: values)
        }
    }

    private static let slice = Shape<WrittenSlice>.object(
        WrittenSlice(),
        fields: [
            Field("name", .dnsLabel, "What status and events call it, such as country.", isRequired: true) {
                $0.name = $1
            },
            Field("header", header, "The request header that carries its value, such as x-country.") {
                $0.key = .header($1)
            },
            Field("path", PredictionGateFields.path, "Where its value is in the request's JSON: parameters.country.") {
                $0.key = .path($1)
            },
            Field("values", values, "The values that are told apart; all others together are 'other'.") {
                $0.values = .listed($1)
            },
            Field(
                "top", .wholeNumber(1...TrafficSlice.valuesOfOneLimit),
                "So many of the most frequent values are told apart, as they are when the rollout begins."
            ) {
                $0.values = .top($1)
            },
        ],
        rules: [.exactlyOne(["header", "path"]), .exactlyOne(["values", "top"])])

    private static let header = TrafficFields.token("header").map { name, node, reading -> String? in
        guard TrafficSlice.isSecret(header: name) else { return name }
        reading.report(
            "'\(name)' carries secrets, and values of slices stand in the status", at: node.place,
            suggestion: "use a header of its own, such as x-country")
        return nil
    }.checkedByServer(
        ServerRule(
            "!self.lowerAscii().matches('(^|[-_])(\(TrafficSlice.secretWords.joined(separator: "|")))([-_]|$)')",
            "carries secrets, and values of slices stand in the status"))

    private static let values = Shape<[String]>.list(value, count: 1...TrafficSlice.valuesOfOneLimit).map {
        values, node, reading -> [String]? in
        reading.reportRepeated(values, in: node, noun: "values are")
        return values
    }.checkedByServer(
        ServerRule("self.all(v, self.exists_one(w, w == v))", "a value stands twice"),
        ServerRule("!('\(TrafficSlice.other)' in self)", "'\(TrafficSlice.other)' is what all other values are"))

    private static let value = Shape<String>.string(atMost: TrafficSlice.valueBytesMax).map {
        value, node, reading -> String? in
        if value == TrafficSlice.other {
            reading.report(
                "'\(value)' is what all other values are", at: node.place,
                suggestion: "leave it out: it is always there")
            return nil
        }
        if TrafficSlice.isValue(value) { return value }
        reading.report("'\(value.shortened)' has characters that cannot be printed", at: node.place)
        return nil
    }.checkedByServer(ServerRule("!self.matches(r'[\\p{C}\\p{Zl}\\p{Zp}]')", "has characters that cannot be printed"))
}
