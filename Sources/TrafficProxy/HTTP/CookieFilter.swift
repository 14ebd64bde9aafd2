/// Keeps the cookies of mlctl's dashboard from model servers: a browser sends the cookies of a host to all its ports, so somebody who
/// is signed in at the controller and opens an endpoint of the same host would hand their session to the model.
enum CookieFilter {
    /// Names of hidden cookies begin so, with or without the mark of secure ones.
    private static let name = Array("mlctl-session".utf8)
    private static let secureName = Array("__Secure-mlctl-session".utf8)

    /// - Parameter range: a Cookie field's value.
    static func hidesAny(_ source: UnsafePointer<UInt8>, _ range: Range<Int>) -> Bool {
        var hides = false
        forEachPair(source, range) { pair in if isHidden(source, pair) { hides = true } }
        return hides
    }

    /// Writes the field without the hidden cookies, or nothing if no other is left. Never longer than the field was.
    static func append(_ source: UnsafePointer<UInt8>, _ range: Range<Int>, to out: inout ByteCursor) {
        var isFirst = true
        forEachPair(source, range) { pair in
            guard !isHidden(source, pair) else { return }
            out.append(isFirst ? "cookie: " : "; ")
            out.append(source, pair)
            isFirst = false
        }
        if !isFirst { out.append("\r\n") }
    }

    private static func isHidden(_ source: UnsafePointer<UInt8>, _ pair: Range<Int>) -> Bool {
        begins(source, pair, with: name) || begins(source, pair, with: secureName)
    }

    private static func begins(_ source: UnsafePointer<UInt8>, _ pair: Range<Int>, with name: [UInt8]) -> Bool {
        guard pair.count >= name.count else { return false }
        for index in name.indices where source[pair.lowerBound + index] != name[index] { return false }
        return true
    }

    /// Calls the body for each pair that is not empty, without the blanks around it.
    private static func forEachPair(
        _ source: UnsafePointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void
    ) {
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start
            while end < range.upperBound, source[end] != UInt8(ascii: ";") { end += 1 }
            var (first, last) = (start, end)
            while first < last, isBlank(source[first]) { first += 1 }
            while last > first, isBlank(source[last - 1]) { last -= 1 }
            if first < last { body(first..<last) }
            start = end + 1
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
