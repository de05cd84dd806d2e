using System.Text;

namespace BackupTool.Benchmarks.Data;

/// <summary>Matrix events, log lines and configuration as a homeserver holds them: words by Zipf's law, few users and rooms busy, hashes random.</summary>
internal sealed class EventText(ulong seed, ulong stream)
{
    private const int Users = 3000, Rooms = 500, Words = 20_000, Draws = 1 << 18;
    private static readonly byte[][] Vocabulary, UserIds, RoomIds;
    private static readonly ushort[] WordByDraw = new ushort[Draws];
    private readonly SeededRandom _random = new(seed, stream);
    private long _timestamp = 1_700_000_000_000;

    // The same language, people and rooms for every seed.
    static EventText()
    {
        var random = new SeededRandom(7);
        Vocabulary = MakeVocabulary(random);
        double total = 0, sum = 0;
        for (int i = 0; i < Words; i++) total += Weight(i);
        for (int draw = 0, word = 0; draw < Draws; draw++)
        {
            while (word < Words - 1 && sum + Weight(word) < total * draw / Draws) sum += Weight(word++);
            WordByDraw[draw] = (ushort)word;
        }
        UserIds = [.. Enumerable.Range(0, Users).Select(i => Encoding.UTF8.GetBytes($"@{Encoding.UTF8.GetString(Vocabulary[random.Next(Words)])}{i}:example.org"))];
        RoomIds = [.. Enumerable.Range(0, Rooms).Select(_ => new ByteText().Append("!"u8).AppendBase64(random, 14).Append(":example.org"u8).Bytes.ToArray())];
        static double Weight(int rank) => 1 / Math.Pow(rank + 2, 0.9);
    }

    public SeededRandom Random => _random;

    /// <summary>When the latest event was, in milliseconds since 1970.</summary>
    public long Timestamp => _timestamp;

    public ReadOnlySpan<byte> Word() => Vocabulary[WordByDraw[_random.Next(Draws)]];

    public ReadOnlySpan<byte> User() => UserIds[(int)(Math.Pow(_random.NextDouble(), 2) * Users)];

    public ReadOnlySpan<byte> Room() => RoomIds[(int)(Math.Pow(_random.NextDouble(), 2) * Rooms)];

    /// <summary>Adds so many words.</summary>
    public ByteText Prose(ByteText text, int words)
    {
        for (int i = 0; i < words; i++) (i == 0 ? text : text.Append(" "u8)).Append(Word());
        return text;
    }

    /// <summary>Adds a random event id.</summary>
    public ByteText EventId(ByteText text) => text.Append("$"u8).AppendBase64(_random, 32);

    /// <summary>Adds one room message, about 900 bytes of JSON.</summary>
    public ByteText Event(ByteText text)
    {
        _timestamp += _random.Next(1, 90_000);
        EventId(text.Append("{\"auth_events\":[\""u8)).Append("\",\""u8);
        EventId(text).Append("\"],\"content\":{\"body\":\""u8);
        Prose(text, _random.Next(3, 40)).Append("\",\"msgtype\":\"m.text\"},\"depth\":"u8).Append(_random.Next(100_000));
        text.Append(",\"hashes\":{\"sha256\":\""u8).AppendBase64(_random, 32).Append("\"},\"origin\":\"example.org\",\"origin_server_ts\":"u8).Append(_timestamp);
        EventId(text.Append(",\"prev_events\":[\""u8)).Append("\"],\"room_id\":\""u8).Append(Room()).Append("\",\"sender\":\""u8).Append(User());
        text.Append("\",\"signatures\":{\"example.org\":{\"ed25519:a_xyz\":\""u8).AppendBase64(_random, 64);
        return text.Append("\"}},\"type\":\"m.room.message\",\"unsigned\":{\"age_ts\":"u8).Append(_timestamp + _random.Next(50)).Append("}}"u8);
    }

    private static byte[][] MakeVocabulary(SeededRandom random)
    {
        string[] syllables = ["ba", "ne", "ti", "ro", "lo", "sa", "mi", "ka", "en", "er", "on", "al", "the", "ing", "st", "tra", "con", "pre", "de", "ver", "is", "um", "po", "li", "ca"];
        var words = new HashSet<string>();
        while (words.Count < Words)
        {
            string word = string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => syllables[random.Next(syllables.Length)]));
            words.Add(random.Next(3) == 0 ? word + (char)('a' + random.Next(26)) : word);
        }
        // Frequent words are short ones, by and large.
        return [.. words.Select(word => (word, Rank: word.Length + random.NextDouble() * 3)).OrderBy(w => w.Rank).Select(w => Encoding.UTF8.GetBytes(w.word))];
    }
}
