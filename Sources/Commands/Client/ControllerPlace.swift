import ControlAPI
import Foundation

/// Where a command finds its controller. Pure.
enum ControllerPlace: Hashable {
    /// What a person said, from the strongest word to none.
    struct Wish: Hashable {
        /// `--server`.
        var server: String?
        /// `--state-dir`.
        var state: String?
        /// MLCTL_SERVER.
        var environmentServer: String?
        /// MLCTL_STATE_DIR.
        var environmentState: String?
    }

    /// At an address, whoever's controller that is.
    case address(String)
    /// The controller of a state folder.
    case state(String)
    /// Nothing was said: the controller of the usual state folder, else the one at the usual address.
    case usual

    init(_ wish: Wish) {
        func given(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }
        if let server = given(wish.server) {
            self = .address(server)
        } else if let state = given(wish.state) {
            self = .state(state)
        } else if let server = given(wish.environmentServer) {
            self = .address(server)
        } else if let state = given(wish.environmentState) {
            self = .state(state)
        } else {
            self = .usual
        }
    }

    /// Whether an address is one of this machine's own, where a local socket may answer for it.
    static func isLocal(_ url: URL) -> Bool {
        guard let host = url.host(percentEncoded: false) else { return false }
        return ListenAddress(host: host, port: url.port ?? 0).isLoopback
    }

    /// Whether a controller that says that it is reached at `api` is the one that `url` means.
    static func isSame(_ api: String, as url: URL) -> Bool {
        guard let own = URL(string: api), let port = own.port, port == url.port else { return false }
        guard let host = own.host(percentEncoded: false) else { return false }
        return ["0.0.0.0", "::"].contains(host) || ListenAddress(host: host, port: port).isLoopback
    }
}
