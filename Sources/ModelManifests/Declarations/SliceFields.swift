/// The fields of `spec.rollout.slices`.
enum SliceFields {
    static let slices = Shape<[WrittenSlice]>.list(slice, count: 0...TrafficSlice.countLimit).map {
        slices, node, reading -> [TrafficSlice]? in
        reading.reportRepeated(slices.map(\.name), in: node, noun: "slices are named")
        let values = slices.compactMap(\.slice).reduce(0) { $0 + $1.valueCount - 1 }
        if values > TrafficSlice.valueLimit {
            reading.report(
                "have \(values) values together; at most \(TrafficSlice.valueLimit) are allowed", at: node.place,
                suggestion: "write a smaller 'top' or list fewer values; each value takes evidence from the others")
        }
        return slices.compactMap(\.slice)
    }.checkedByServer(
        ServerRule(
            "self.all(s, self.exists_one(t, t.name == s.name))", "two slices have the same name"),
        ServerRule(
            "self.map(s, has(s.top) ? s.top : has(s.values) ? size(s.values) : 0).sum() <= \(TrafficSlice.valueLimit)",
            "slices have more than \(TrafficSlice.valueLimit) values together"))

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
            Field("name", .dnsLabel, "The slice's name in status and events, such as country.", isRequired: true) {
                $0.name = $1
            },
            Field("header", header, "The request header with the value, such as x-country.") {
                $0.key = .header($1)
            },
            Field(
                "path", PredictionGateFields.path,
                "The place of the value in the request's JSON, such as parameters.country."
            ) {
                $0.key = .path($1)
            },
            Field("values", values, "The values that are evaluated separately. All others together are 'other'.") {
                $0.values = .listed($1)
            },
            Field(
                "top", .wholeNumber(1...TrafficSlice.valuesOfOneLimit),
                "How many of the most frequent values are evaluated separately. They are chosen when the rollout begins."
            ) {
                $0.values = .top($1)
            },
        ],
        rules: [.exactlyOne(["header", "path"]), .exactlyOne(["values", "top"])])

    private static let header = TrafficFields.token("header").map { name, node, reading -> String? in
        guard TrafficSlice.isSecret(header: name) else { return name }
        reading.report(
            "'\(name)' carries secrets, but the values of slices are shown in the status", at: node.place,
            suggestion: "use another header, such as x-country")
        return nil
    }.checkedByServer(
        ServerRule(
            "!self.lowerAscii().matches('(^|[-_])(\(TrafficSlice.secretWords.joined(separator: "|")))([-_]|$)')",
            "carries secrets, but the values of slices are shown in the status"))

    private static let values = Shape<[String]>.list(value, count: 1...TrafficSlice.valuesOfOneLimit).map {
        values, node, reading -> [String]? in
        reading.reportRepeated(values, in: node, noun: "values are")
        return values
    }.checkedByServer(
        ServerRule("self.all(v, self.exists_one(w, w == v))", "a value is given twice"),
        ServerRule("!('\(TrafficSlice.other)' in self)", "'\(TrafficSlice.other)' is reserved for all other values"))

    private static let value = Shape<String>.string(atMost: TrafficSlice.valueBytesMax).map {
        value, node, reading -> String? in
        if value == TrafficSlice.other {
            reading.report(
                "'\(value)' is reserved for all other values", at: node.place,
                suggestion: "leave it out; it is always included")
            return nil
        }
        if TrafficSlice.isValue(value) { return value }
        reading.report("'\(value.shortened)' has characters that cannot be printed", at: node.place)
        return nil
    }.checkedByServer(ServerRule("!self.matches(r'[\\p{C}\\p{Zl}\\p{Zp}]')", "has characters that cannot be printed"))
}
