// A page that the browser kept may be one that is over.
addEventListener('pageshow', event => event.persisted && location.reload())

const at = id => document.getElementById(id)
const span = s => s < 60 ? `${s} s` : s < 3600 ? `${s / 60 | 0} min` + (s % 60 ? ` ${s % 60} s` : '') : `${s / 3600 | 0} h ${s % 3600 / 60 | 0} min`

async function poll() {
  try {
    const answer = await fetch('/readings')
    if (answer.status == 401) return location.replace('/?ended')
    const now = await answer.json()
    at('temperature').textContent = (now.temperature / 10).toFixed(1) + ' °C'
    at('uptime').textContent = span(now.uptime)
    at('idle').textContent = span(now.idle)
    at('link').hidden = true
  } catch {
    at('link').hidden = false
  }
  setTimeout(poll, at('readings').dataset.interval * 1000)
}
if (at('readings')) poll()
