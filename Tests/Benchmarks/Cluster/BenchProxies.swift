import Foundation
import FoundationNetworking
import TestSupport

/// Proxies of a namespace, run as in their pods, each with its own address.
final class BenchProxies {
    let addresses: [String]
    private let folder: URL
    private var processes: [ChildProcess] = []

    init(_ count: Int, _ mlctl: URL, _ cluster: BenchCluster, _ namespace: String) throws {
        addresses = (1...count).map { "127.0.77.\($0)" }
        folder = FileManager.default.temporaryDirectory.appending(path: "proxies-\(namespace)")
        for address in addresses {
            let state = folder.appending(path: address).path(percentEncoded: false)
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            processes.append(
                try ChildProcess(
                    [
                        mlctl.path(percentEncoded: false), "proxy", "--namespace", namespace, "--kubeconfig",
                        cluster.kubeconfig, "--address", address, "--state-dir", state,
                    ], output: .files(output: "\(state)/log", errors: "\(state)/log")))
        }
    }

    var weights: ProxyWeights { ProxyWeights(addresses: addresses) }

    func close() {
        for process in processes { process.stop() }
        try? FileManager.default.removeItem(at: folder)
    }
}

/// The weights that the proxies report, on the port that the controller also uses.
struct ProxyWeights: Sendable {
    private static let port = 9901
    private static let pause: Duration = .milliseconds(1)

    let addresses: [String]

    /// The time at which the last of them used the weight.
    func date(ofWeight weight: Int, limit: Duration) async throws -> Date {
        for address in addresses {
            let end = ContinuousClock.now + limit
            while try await !uses(weight, address) {
                guard ContinuousClock.now < end else {
                    throw BenchmarkError("waited \(limit) in vain: weight \(weight) at \(address)")
                }
                try await Task.sleep(for: Self.pause)
            }
        }
        return Date()
    }

    private func uses(_ weight: Int, _ address: String) async throws -> Bool {
        guard let url = URL(string: "http://\(address):\(Self.port)/metrics") else { return false }
        let (data, _) = try await URLSession.shared.data(from: url)
        return String(decoding: data, as: UTF8.self).split(separator: "\n").contains {
            $0.hasPrefix("mlctl_proxy_weight_percent{") && $0.hasSuffix("} \(weight)")
        }
    }
}
