import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Transport

/// Fetches the certificate that a server shows, and closes the connection before it sends anything else.
struct CertificateProbe: Sendable {
    static let timeout = Duration.seconds(5)

    private let address: ServerAddress

    init(_ address: ServerAddress) { self.address = address }

    /// - Returns: nil if no certificate arrived in time.
    func certificate(_ stopwatch: ClientClock) async -> NIOSSLCertificate? {
        try? await stopwatch.within(Self.timeout) {
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            let found = loop.makePromise(of: NIOSSLCertificate?.self)
            let context = try NIOSSLContext(configuration: .makeClientConfiguration())
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(TimeAmount(Self.timeout))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = try NIOSSLClientHandler(
                            context: context, serverHostname: address.serverName,
                            customVerificationCallback: { chain, verdict in
                                found.succeed(chain.first)
                                verdict.succeed(.failed)
                            })
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .connect(host: address.host, port: address.port).get()
            channel.closeFuture.whenComplete { _ in found.succeed(nil) }
            defer { channel.close(promise: nil) }
            return try await found.futureResult.get()
        } ?? nil
    }
}

/// Messages for a certificate that was not accepted: what is wrong with it, and what to do.
enum CertificateAdvice {
    static func text(_ certificate: NIOSSLCertificate?, address: ServerAddress, isNameWrong: Bool, now: Date) -> String
    {
        let server = address.authority
        if isNameWrong {
            return
                "the certificate of \(server) is not for '\(address.serverName ?? address.host)'. Set tls-server-name "
                + "to a name that is in it, or use another address."
        }
        guard let certificate else {
            return "the certificate of \(server) was not accepted. Check certificate-authority in the kubeconfig."
        }
        let end = Date(timeIntervalSince1970: TimeInterval(certificate.notValidAfter))
        let begin = Date(timeIntervalSince1970: TimeInterval(certificate.notValidBefore))
        if end < now {
            return
                "the certificate of \(server) expired at \(end.formatted(.iso8601)). Renew it on the server (kubeadm: "
                + "`kubeadm certs renew apiserver`), and check this machine's clock."
        }
        if begin > now {
            return "the certificate of \(server) is valid only from \(begin.formatted(.iso8601)): check this machine's "
                + "clock."
        }
        return "the certificate of \(server) is signed by an authority that is not trusted. Put the cluster's CA into "
            + "certificate-authority(-data) of the kubeconfig."
    }
}
