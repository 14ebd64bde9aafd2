import Foundation
import KubernetesClient
import Logging
import Synchronization

/// A stand-in for the kubelets of a cluster. It runs the pods of a namespace as processes on this machine, each at an address of
/// its own, and reports them to the API server.
///
/// An image is a program on this machine. In a cluster without a scheduler it takes pods that have no node.
package final class Kubelet: Sendable {
    package struct Settings: Sendable {
        package var api: KubernetesAPI
        package var namespace: String
        /// Programs by image name; other images cannot be pulled.
        package var images: [String: ImageProgram]
        /// Logs and volumes, one folder for each pod.
        package var folder: URL
        package var addresses: PodAddresses
        /// The node to which pods without one are bound; nil: a scheduler binds them.
        package var bindsTo: String?

        package init(
            api: KubernetesAPI, namespace: String, images: [String: ImageProgram], folder: URL,
            addresses: PodAddresses = PodAddresses(), bindsTo: String? = nil
        ) {
            self.api = api
            self.namespace = namespace
            self.images = images
            self.folder = folder
            self.addresses = addresses
            self.bindsTo = bindsTo
        }
    }

    private let settings: Settings
    private let pods: ObjectCache<PodObject>
    private let running = Mutex<Set<String>>([])

    package init(_ settings: Settings) {
        self.settings = settings
        pods = ObjectCache(of: settings.api, .init(namespace: settings.namespace))
    }

    /// Runs until its task is cancelled, and leaves no process.
    package func run() async {
        let changes = pods.changes()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.pods.run() }
            for await key in changes {
                guard let pod = self.pods[key], let uid = pod.metadata.uid, let container = pod.container,
                    pod.spec.nodeName != nil || self.settings.bindsTo != nil,
                    self.running.withLock({ $0.insert(uid).inserted })
                else { continue }
                let run = PodRun(pod, container, address: self.settings.addresses.next(), self.settings)
                group.addTask {
                    await run.live { [pods = self.pods] in pods[key].flatMap { $0.metadata.uid == uid ? $0 : nil } }
                }
            }
        }
    }
}

/// Addresses for pods. All of them belong to this machine.
package struct PodAddresses: Sendable {
    private static let taken = Mutex(0)
    private static let perBlock = 250

    /// The first two numbers of the addresses.
    package let prefix: String

    /// - Parameter prefix: nil: addresses of the loopback network, all of which are local on Linux.
    package init(prefix: String? = nil) {
        let pid = Int(ProcessInfo.processInfo.processIdentifier)
        // Another test process uses another prefix, so that the same ports are free.
        self.prefix = prefix ?? "127.\(1 + pid % Self.perBlock)"
    }

    /// An address that nobody has had since this process began.
    func next() -> String {
        let number = Self.taken.withLock { taken in
            taken += 1
            return taken
        }
        return "\(prefix).\(number / Self.perBlock).\(number % Self.perBlock + 1)"
    }
}
