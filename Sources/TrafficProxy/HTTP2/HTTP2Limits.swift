import NIOCore
import NIOHTTP2

/// The limits of HTTP/2 connections, in the form that NIO wants.
extension ProxyLimits {
    /// Fields are validated by `RequestTranslation`, which is stricter.
    var http2Client: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = http2
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: streamsPerConnection),
            HTTP2Setting(parameter: .maxHeaderListSize, value: requestHeadBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: streamWindowBytes),
        ]
        configuration.controlFrameRateLimit.maximumCount = controlFramesPerWindow
        configuration.controlFrameRateLimit.windowLength = .nanoseconds(frameRateWindow.nanosecondsClamped)
        return configuration
    }

    var http2ClientStream: NIOHTTP2Handler.StreamConfiguration {
        var configuration = http2Stream
        configuration.streamResetFrameRateLimit.maximumCount = resetsPerWindow
        configuration.streamResetFrameRateLimit.windowLength = .nanoseconds(frameRateWindow.nanosecondsClamped)
        return configuration
    }

    /// Towards instances. A model that resets many calls is a bad model, which its errors say; the connection stays.
    var http2Instance: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = http2
        configuration.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            HTTP2Setting(parameter: .maxHeaderListSize, value: responseHeadBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: streamWindowBytes),
        ]
        configuration.controlFrameRateLimit.maximumCount = Self.instanceFramesMax
        return configuration
    }

    var http2InstanceStream: NIOHTTP2Handler.StreamConfiguration {
        var configuration = http2Stream
        configuration.streamResetFrameRateLimit.maximumCount = Self.instanceFramesMax
        configuration.streamErrorRateLimit.maximumCount = Self.instanceFramesMax
        return configuration
    }

    private static let instanceFramesMax = 1_000_000

    private var http2: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.headerBlockValidation = .disabled
        configuration.contentLengthValidation = .disabled
        configuration.targetWindowSize = connectionWindowBytes
        return configuration
    }

    private var http2Stream: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        configuration.targetWindowSize = streamWindowBytes
        configuration.outboundBufferSizeHighWatermark = writeBufferLowBytes
        configuration.outboundBufferSizeLowWatermark = writeBufferLowBytes / 4
        return configuration
    }
}
