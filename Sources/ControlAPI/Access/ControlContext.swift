import Hummingbird
import NIOCore

/// What is known of a request beside what it says: its connection, and who sent it once that has been proved.
struct ControlContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    var proof: Proof?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// How the sender proved who it is.
    enum Proof: Sendable {
        /// The kernel says whose process is at the other end of the local socket.
        case localUser(Caller)
        case token(AccessKey)
        case signature(RequestSignature, AccessKey)

        var caller: Caller {
            switch self {
            case .localUser(let caller): caller
            case .token(let key), .signature(_, let key): key.caller
            }
        }

        /// The token that it knows; nil for a user of this machine, who needs none.
        var key: AccessKey? {
            switch self {
            case .localUser: nil
            case .token(let key), .signature(_, let key): key
            }
        }
    }

    /// - Throws: `AccessError` on a path that nobody is to be let to without a name: there is none.
    var caller: Caller {
        get throws {
            guard let proof else { throw AccessError("this wants a token") }
            return proof.caller
        }
    }
}
