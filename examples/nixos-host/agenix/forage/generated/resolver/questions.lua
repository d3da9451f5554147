-- Looks at each question before anybody outside of this host is asked.
-- Written by forage-gen. Do not edit: change the project and run `forage-gen build`.
--
-- Run by dnsdist(1). The resolvers and the proxies of the templates pass on what is listed; behind
-- it is the resolver that asks the host's name servers. Below a wildcard, whoever runs the name
-- servers there reads each name that is asked for: so there may be few, and of plain letters.

-- Its unit may not make code at run time.
if jit then
  jit.off()
end

local function number(name)
  return assert(tonumber(os.getenv(name)), name .. " has to be a number")
end

-- Names of one sandbox below one wildcard in a minute; and those that only the proxies ask for.
local NAMES = number("NAMES_A_MINUTE")
local LABEL, BELOW = number("LABEL_MAX"), number("BELOW_MAX")
-- Of how many names is known that a sandbox has asked for them.
local KNOWN = number("NAMES_KNOWN")

-- What programs need to reach a server. An answer of any other type may hold bytes at will.
local TYPES = {}
for _, kind in ipairs({ "A", "AAAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "SVCB" }) do
  TYPES[DNSQType[kind]] = true
end

setSecurityPollSuffix("") -- it would ask its makers whether it is too old
setACL({ "127.0.0.0/8" })
setRingBuffersSize(100, 1) -- nobody looks at what it remembers
setMaxUDPOutstanding(4096) -- it keeps room for as many
setMaxTCPQueuedConnections(1000)
addLocal("127.0.0.1:" .. number("PORT"))
newServer({ address = "127.0.0.1:" .. number("UPSTREAM_PORT"), healthCheckMode = "up" })

-- "*.example.net" is a wildcard, and "www.example.net" a name below one that is listed itself.
local wildcards, listed = {}, {}
for line in io.lines(os.getenv("NAMES_FILE")) do
  local wildcard = line:match("^%*%.(.+)$")
  if wildcard then
    wildcards[wildcard .. "."] = true
  elseif line:match("^[^#]") then
    listed[line .. "."] = true
  end
end

-- The wildcard above a name, and what is below it; nil where somebody has written the name.
local function split(name)
  if listed[name] then
    return nil
  end
  local dot = name:find(".", 1, true)
  while dot do
    if wildcards[name:sub(dot + 1)] then
      return name:sub(dot + 1), name:sub(1, dot - 1)
    end
    dot = name:find(".", dot + 1, true)
  end
end

local function is_plain(below)
  if #below > BELOW or below:find("[^a-z0-9_.-]") then
    return false
  end
  for label in below:gmatch("[^.]+") do
    if #label > LABEL then
      return false
    end
  end
  return true
end

-- The sandbox whose question a resolver passes on: it says so by a subnet of 32 bits (RFC 7871),
-- and takes out what the sandbox has said itself. A proxy says nothing.
local function asker(dq)
  local subnet = dq:getEDNSOptions()[EDNSOptionCode.ECS]
  if not subnet then
    return nil
  end
  for _, value in pairs(subnet:getValues()) do
    return table.concat({ value:byte(5, 8) }, ".")
  end
end

-- Sets of names, with how many they have.
local function add(set, name)
  if not set.names[name] then
    set.names[name] = true
    set.count = set.count + 1
  end
end

local function new()
  return { names = {}, count = 0 }
end

local minute, asked = 0, {}
local known, known_before = new(), new()

local function remember(name)
  if known.count >= KNOWN then
    known, known_before = new(), known
  end
  add(known, name)
end

-- Whether one more name may be asked for by someone, in this minute.
local function is_among_few(who, name)
  local now = math.floor(os.time() / 60)
  if now ~= minute then
    minute, asked = now, {}
  end
  asked[who] = asked[who] or new()
  local set = asked[who]
  if not set.names[name] and set.count >= NAMES then
    return false
  end
  add(set, name)
  return true
end

-- Why a question is refused, or nil.
local function reason(dq, sandbox)
  if dq.opcode ~= DNSOpcode.Query or dq.qclass ~= DNSClass.IN or dq:getTrailingData() ~= "" then
    return "form"
  end
  if not TYPES[dq.qtype] then
    return "type"
  end
  local name = dq.qname:toString():lower()
  local wildcard, below = split(name)
  if not wildcard then
    return nil
  end
  if not is_plain(below) then
    return "length"
  end
  if sandbox then
    if not is_among_few(sandbox .. " " .. wildcard, name) then
      return "number"
    end
    remember(name)
  elseif not known.names[name] and not known_before.names[name] then
    -- Who connects has asked for the name before, unless it has kept an answer for long.
    if not is_among_few("proxies", name) then
      return "number"
    end
  end
end

addAction(AllRule(), LuaAction(function(dq)
  local sandbox = asker(dq)
  local why = reason(dq, sandbox)
  if not why then
    return DNSAction.None, ""
  end
  -- It writes what is no letter of a name by its number.
  infolog(("refused %s %s %s"):format(sandbox or "proxies", why, dq.qname:toString()))
  return DNSAction.Refused, ""
end))
