/// What the proxy must know of a gRPC call.
struct RPCCall: Hashable, Sendable {
    /// When it ends at the latest. `Int64.max` if the client set no time.
    private(set) var deadline: Int64
    /// How long before the deadline its end can be due to the deadline: the client's clock started first.
    private let margin: Int64

    /// - Parameter timeoutNanoseconds: the value of `grpc-timeout`; nil if there is none.
    init(startedAt: Int64, timeoutNanoseconds: Int64?) {
        guard let timeoutNanoseconds else {
            deadline = .max
            margin = 0
            return
        }
        let (sum, isOver) = startedAt.addingReportingOverflow(timeoutNanoseconds)
        deadline = isOver ? .max : sum
        margin = max(Self.marginMin, timeoutNanoseconds / Self.marginShare)
    }

    private static let marginMin: Int64 = 10_000_000
    private static let marginShare: Int64 = 20

    /// Whether a client that ends the call now does so because of its deadline.
    func isAbout(toEnd now: Int64) -> Bool { deadline != .max && now >= deadline - margin }

    /// Whether a request with this `content-type` is a gRPC call. `application/grpc-web` is not: it is plain HTTP.
    static func isCall(contentType: String) -> Bool {
        let type = "application/grpc"
        guard contentType.lowercased().hasPrefix(type) else { return false }
        guard let next = contentType.utf8.dropFirst(type.utf8.count).first else { return true }
        return next == UInt8(ascii: "+") || next == UInt8(ascii: ";") || next == UInt8(ascii: " ")
    }

    /// `grpc-timeout`: one to eight digits and a unit. Nil if it is malformed.
    static func timeoutNanoseconds(_ field: String) -> Int64? {
        let digits = field.utf8.dropLast()
        guard (1...8).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int64(field.dropLast())
        else { return nil }
        let unit: Int64
        switch field.utf8.last {
        case UInt8(ascii: "n"): unit = 1
        case UInt8(ascii: "u"): unit = 1_000
        case UInt8(ascii: "m"): unit = 1_000_000
        case UInt8(ascii: "S"): unit = 1_000_000_000
        case UInt8(ascii: "M"): unit = 60_000_000_000
        case UInt8(ascii: "H"): unit = 3_600_000_000_000
        default: return nil
        }
        let (product, isOver) = number.multipliedReportingOverflow(by: unit)
        return isOver ? .max : product
    }
}
