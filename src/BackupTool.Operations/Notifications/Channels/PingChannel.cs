using System.Net.Http.Headers;
using System.Text;

namespace BackupTool.Operations.Notifications.Channels;

/// <summary>
/// A dead-man's switch as healthchecks has it: POST to the address on success, to <c>/start</c>, <c>/fail</c> and <c>/log</c> below it for the rest, with what there is to say as the body. A run with
/// warnings is done, so it is a success: the switch watches that runs happen, and people are told of warnings on other ways. A trial is only logged, because a success would stop the clock.
/// </summary>
internal sealed class PingChannel : Channel
{
    private const int MaxBodyBytes = 10_000;   // what healthchecks keeps of a body

    private readonly Uri? _url;
    private readonly NotifyWire? _wire;

    internal PingChannel(PingSettings settings, string? schedule, TimeProvider time)
    {
        _url = settings.Url.Resolve(schedule);
        if (_url is not null) _wire = new NotifyWire(_url, time);
    }

    internal override async Task<Attempt> TryAsync(NotifyMessage message, CancellationToken cancellationToken)
    {
        if (_wire is null) return new Attempt(message.Event.Kind != NotifyKind.Test, "nothing to ping: the address is one per schedule, and this is about none");
        Uri target = Below(_url!, SuffixFor(message.Event.Kind));
        return await _wire.SendAsync(() => new HttpRequestMessage(HttpMethod.Post, target)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(message.Text(MaxBodyBytes))) { Headers = { ContentType = new MediaTypeHeaderValue("text/plain", "utf-8") } },
        }, Judge, cancellationToken);
    }

    // healthchecks.io says 200 even when it has dropped the ping (its documentation of the pinging API).
    private Attempt? Judge(WireAnswer answer) => answer.Status != 200 ? null : Encoding.UTF8.GetString(answer.Body).Trim() switch
    {
        "OK (not found)" => new Attempt(false, _wire!.Text(answer, "there is no such check")),
        "OK (rate limited)" => new Attempt(false, _wire!.Text(answer, "too many pings"), MayPass: true, TimeSpan.FromSeconds(15)),
        _ => null,
    };

    private static string SuffixFor(NotifyKind kind) => kind switch
    {
        NotifyKind.Start => "/start",
        NotifyKind.Failure or NotifyKind.Stale => "/fail",
        NotifyKind.Test => "/log",
        _ => "",
    };

    private static Uri Below(Uri url, string suffix) =>
        suffix.Length == 0 ? url : new UriBuilder(url) { Path = url.AbsolutePath.TrimEnd('/') + suffix }.Uri;

    public override void Dispose() => _wire?.Dispose();
}
